//! What this crate counts, beside its events.

use tower_steady_core::metrics::Metric;

const OVER_LIMIT: Metric = Metric::counter(
    "tower_steady.replay_body.over_limit",
    "{request}",
    &[],
    "Requests that went through once, for their body was over the limit.",
);

/// Every metric of this crate.
#[cfg(feature = "metrics")]
pub const METRICS: &[Metric] = &[OVER_LIMIT];

/// Tells the recorder that is installed what the [`METRICS`] of this crate mean.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    METRICS.iter().for_each(Metric::describe);
}

pub(crate) fn over_limit() {
    OVER_LIMIT.series([]).increment(1);
}
