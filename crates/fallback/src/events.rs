//! The tracing events, in one place so that names and fields stay what the front page says.

use std::time::Duration;

use tower_steady_core::event::millis;
use tower_steady_core::{Class, Outcome};

const TARGET: &str = "tower_steady_fallback";

/// The caller gets somebody else's answer.
pub(crate) fn degraded(source: &str, outcome: &Outcome, age: Option<Duration>) {
    tracing::warn!(
        target: TARGET,
        source,
        class = outcome.class.as_str(),
        veto = outcome.veto.as_ref().map(|veto| veto.reason().as_str()),
        age_ms = age.map(millis),
        "degraded answer"
    );
}

pub(crate) fn no_answer(source: &str, class: Class, reason: &str) {
    tracing::warn!(
        target: TARGET,
        source,
        class = class.as_str(),
        reason,
        "a fallback had no answer"
    );
}
