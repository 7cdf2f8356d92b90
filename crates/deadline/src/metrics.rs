//! What this crate counts, beside its events.

use tower_steady_core::metrics::Metric;
use tower_steady_core::metrics::label::{REASON, TIMER};

use crate::Timer;

const DEADLINES: Metric = Metric::counter(
    "tower_steady.deadline.expirations",
    "{call}",
    &[REASON],
    "Calls that came after their deadline (`before_call`) or were cut by it (`during_call`).",
);

const TIMEOUTS: Metric = Metric::counter(
    "tower_steady.attempt_timeout.expirations",
    "{attempt}",
    &[TIMER],
    "Attempts that timed out, by the timer that ran out.",
);

/// Every metric of this crate.
#[cfg(feature = "metrics")]
pub const METRICS: &[Metric] = &[DEADLINES, TIMEOUTS];

/// Tells the recorder that is installed what the [`METRICS`] of this crate mean.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    METRICS.iter().for_each(Metric::describe);
}

pub(crate) fn came_late() {
    DEADLINES
        .series([(REASON, "before_call".into())])
        .increment(1);
}

pub(crate) fn ran_out() {
    DEADLINES
        .series([(REASON, "during_call".into())])
        .increment(1);
}

pub(crate) fn timed_out(timer: Timer) {
    TIMEOUTS
        .series([(TIMER, timer.as_str().into())])
        .increment(1);
}
