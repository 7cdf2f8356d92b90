#![doc = include_str!("../METRICS.md")]

pub use tower_steady_core::metrics::{Kind, Metric};

/// The metrics of every layer that is switched on, as the table has them.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    let crates: &[&'static [Metric]] = &[
        #[cfg(feature = "backoff-jitter")]
        crate::backoff_jitter::METRICS,
        #[cfg(feature = "circuit-breaker")]
        crate::circuit_breaker::METRICS,
        #[cfg(feature = "retry-after")]
        crate::retry_after::METRICS,
        #[cfg(feature = "retry-budget")]
        crate::retry_budget::METRICS,
        #[cfg(feature = "deadline")]
        crate::deadline::METRICS,
        #[cfg(feature = "classify")]
        crate::classify::METRICS,
        #[cfg(feature = "fallback")]
        crate::fallback::METRICS,
        #[cfg(feature = "replay-body")]
        crate::replay_body::METRICS,
    ];
    let crates = crates.to_vec();
    crates.into_iter().flatten()
}

/// Tells the recorder that is installed what the metrics of all layers mean: names, units and a sentence
/// each. Call it once the recorder is installed.
pub fn describe_metrics() {
    all().for_each(Metric::describe);
}
