//! The tracing events, in one place so that names and fields stay what the front page says.

use std::time::Duration;

use http::HeaderName;
use tower_steady_core::event::millis;
use tower_steady_core::{Class, VetoReason};

use crate::Timer;

const TARGET: &str = "tower_steady_deadline";

/// Nothing was sent.
pub(crate) fn came_late(class: Class) {
    tracing::warn!(
        target: TARGET,
        class = class.as_str(),
        veto = VetoReason::Deadline.as_str(),
        "deadline had passed before the call"
    );
}

pub(crate) fn ran_out(class: Class) {
    tracing::warn!(
        target: TARGET,
        class = class.as_str(),
        veto = VetoReason::Deadline.as_str(),
        "deadline passed during the call"
    );
}

pub(crate) fn timed_out(class: Class, attempt: u32, timer: Timer, elapsed: Duration) {
    tracing::debug!(
        target: TARGET,
        class = class.as_str(),
        attempt,
        reason = timer.as_str(),
        elapsed_ms = millis(elapsed),
        "attempt timed out"
    );
}

/// The header's name, never its value.
pub(crate) fn unreadable(header: &HeaderName) {
    tracing::debug!(target: TARGET, header = header.as_str(), "unreadable timeout header");
}
