//! The tracing events, in one place so that names and fields stay what the front page says.

use std::fmt::Debug;
use std::time::Duration;

use tower_steady_core::event::millis;
use tower_steady_core::{Class, Outcome, VetoReason};

use crate::pause::Paused;

const TARGET: &str = "tower_steady_retry_after";

/// A failure's headers had a hint.
pub(crate) fn told(outcome: &Outcome, status: u16) {
    tracing::debug!(
        target: TARGET,
        class = outcome.class.as_str(),
        status,
        transient = outcome.transient,
        wait_ms = outcome.wait.map(millis),
        "the server told when it wants us back"
    );
}

pub(crate) fn began(key: &impl Debug, left: Duration, rate: f64) {
    tracing::warn!(
        target: TARGET,
        ?key,
        left_ms = millis(left),
        rate,
        "paused at the server's request"
    );
}

pub(crate) fn grew(key: &impl Debug, left: Duration, waiting: usize) {
    tracing::debug!(target: TARGET, ?key, left_ms = millis(left), waiting, "the pause grows");
}

pub(crate) fn ended(key: &impl Debug, waiting: usize, rate: f64) {
    tracing::info!(target: TARGET, ?key, waiting, rate, "the pause ends");
}

/// A call that was sent at the pace of its key was refused.
pub(crate) fn slower(key: &impl Debug, rate: f64) {
    tracing::debug!(target: TARGET, ?key, rate, "refused at this pace: slower");
}

/// A call gave up waiting, or did not begin to.
pub(crate) fn not_sent(key: &impl Debug, paused: &Paused) {
    tracing::debug!(
        target: TARGET,
        ?key,
        veto = VetoReason::Paused.as_str(),
        reason = paused.reason().as_str(),
        left_ms = millis(paused.left()),
        "not sent: paused"
    );
}

pub(crate) fn over_cap(key: &impl Debug, class: Class, wait: Duration) {
    tracing::debug!(
        target: TARGET,
        ?key,
        class = class.as_str(),
        wait_ms = millis(wait),
        "not paused: the wait is over the cap"
    );
}

pub(crate) fn too_many_keys(key: &impl Debug, limit: usize) {
    tracing::warn!(target: TARGET, ?key, limit, "not paused: too many keys are");
}
