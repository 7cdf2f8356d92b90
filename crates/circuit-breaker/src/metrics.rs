//! What this crate counts, beside its events.

use tower_steady_core::metrics::label::{FROM, NAME, REASON, STATE, TO};
use tower_steady_core::metrics::{Metric, Name, Series};

use crate::breaker::{Change, Refusal};
use crate::state::State;

const CIRCUITS: Metric = Metric::gauge(
    "tower_steady.circuit_breaker.circuits",
    "{circuit}",
    &[NAME, STATE],
    "Circuits in each state: one, or one for each key.",
);

const TRANSITIONS: Metric = Metric::counter(
    "tower_steady.circuit_breaker.transitions",
    "{transition}",
    &[NAME, FROM, TO, REASON],
    "Changes of state; `reason` unless it closes.",
);

const REJECTIONS: Metric = Metric::counter(
    "tower_steady.circuit_breaker.rejections",
    "{call}",
    &[NAME, STATE, REASON],
    "Calls that were not let through, by state and by why the circuit is not closed.",
);

/// Every metric of this crate.
#[cfg(feature = "metrics")]
pub const METRICS: &[Metric] = &[CIRCUITS, TRANSITIONS, REJECTIONS];

/// Tells the recorder that is installed what the [`METRICS`] of this crate mean.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    METRICS.iter().for_each(Metric::describe);
}

/// A layer is there: all states are known from the start, and none is missing until its first time.
pub(crate) fn layered(name: &Name) {
    for state in State::ALL {
        circuits(name, state).shift(0);
    }
}

/// A circuit is there, closed.
pub(crate) fn made(name: &Name) {
    circuits(name, State::Closed).shift(1);
}

/// A circuit is no more.
pub(crate) fn gone(name: &Name, state: State) {
    circuits(name, state).shift(-1);
}

pub(crate) fn changed(name: &Name, change: &Change) {
    circuits(name, change.from).shift(-1);
    circuits(name, change.to).shift(1);
    let (from, to) = (change.from.as_str().into(), change.to.as_str().into());
    let labels = [(NAME, name.into()), (FROM, from), (TO, to)];
    let series = match change.reason {
        Some(reason) => {
            let [name, from, to] = labels;
            TRANSITIONS.series([name, from, to, (REASON, reason.as_str().into())])
        }
        None => TRANSITIONS.series(labels),
    };
    series.increment(1);
}

pub(crate) fn rejected(name: &Name, refusal: &Refusal) {
    let state = refusal.state.as_str().into();
    let reason = refusal.reason.as_str().into();
    let labels = [(NAME, name.into()), (STATE, state), (REASON, reason)];
    REJECTIONS.series(labels).increment(1);
}

fn circuits(name: &Name, state: State) -> Series {
    CIRCUITS.series([(NAME, name.into()), (STATE, state.as_str().into())])
}
