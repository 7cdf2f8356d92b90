//! What this crate counts, beside its events.

use std::sync::Arc;

use tower_steady_core::Class;
use tower_steady_core::metrics::label::{CLASS, SOURCE};
use tower_steady_core::metrics::{Metric, Value};

const ANSWERS: Metric = Metric::counter(
    "tower_steady.fallback.answers",
    "{call}",
    &[SOURCE, CLASS],
    "Degraded answers, by their source and by what the provider's own answer came to.",
);

const FAILURES: Metric = Metric::counter(
    "tower_steady.fallback.failures",
    "{call}",
    &[SOURCE, CLASS],
    "Sources that were asked and had no answer, by what the provider's own answer came to.",
);

/// Every metric of this crate.
#[cfg(feature = "metrics")]
pub const METRICS: &[Metric] = &[ANSWERS, FAILURES];

/// Tells the recorder that is installed what the [`METRICS`] of this crate mean.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    METRICS.iter().for_each(Metric::describe);
}

pub(crate) fn degraded(source: &Arc<str>, class: Class) {
    let labels = [
        (SOURCE, Value::named(source)),
        (CLASS, class.as_str().into()),
    ];
    ANSWERS.series(labels).increment(1);
}

pub(crate) fn no_answer(source: &Arc<str>, class: Class) {
    let labels = [
        (SOURCE, Value::named(source)),
        (CLASS, class.as_str().into()),
    ];
    FAILURES.series(labels).increment(1);
}
