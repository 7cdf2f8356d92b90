//! What this crate counts, beside its events.

use std::time::Duration;

use tower_steady_core::Class;
use tower_steady_core::metrics::label::{CLASS, NAME, REASON};
use tower_steady_core::metrics::{Metric, Name};

use crate::pause::PausedReason;

const HINT: Metric = Metric::seconds(
    "tower_steady.retry_after.wait",
    &[CLASS],
    "Waits that servers asked for in the headers of a failure.",
);

const PAUSES: Metric = Metric::counter(
    "tower_steady.pause.pauses",
    "{pause}",
    &[NAME],
    "Pauses that began; one that grows is the same.",
);

const WAIT: Metric = Metric::seconds(
    "tower_steady.pause.wait",
    &[NAME],
    "Time that calls waited for the end of a pause and for their turn, and were sent then.",
);

const REJECTIONS: Metric = Metric::counter(
    "tower_steady.pause.rejections",
    "{call}",
    &[NAME, REASON],
    "Calls that were not sent because of a pause: `max_wait`, `deadline`, `queue_full`.",
);

/// Every metric of this crate.
#[cfg(feature = "metrics")]
pub const METRICS: &[Metric] = &[HINT, PAUSES, WAIT, REJECTIONS];

/// Tells the recorder that is installed what the [`METRICS`] of this crate mean.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    METRICS.iter().for_each(Metric::describe);
}

/// A failure's headers named a wait.
pub(crate) fn told(class: Class, wait: Duration) {
    HINT.series([(CLASS, class.as_str().into())]).record(wait);
}

pub(crate) fn began(name: &Name) {
    PAUSES.series([(NAME, name.into())]).increment(1);
}

/// A call that had to wait is sent.
pub(crate) fn waited(name: &Name, time: Duration) {
    WAIT.series([(NAME, name.into())]).record(time);
}

pub(crate) fn not_sent(name: &Name, reason: PausedReason) {
    let labels = [(NAME, name.into()), (REASON, reason.as_str().into())];
    REJECTIONS.series(labels).increment(1);
}
