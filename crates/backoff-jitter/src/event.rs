//! The events of this crate. Their messages and fields are part of its interface.

use http::{Response, StatusCode};
use std::time::Duration;
use tower_steady_core::event::millis;
use tower_steady_core::{Class, Veto, request_id};
use tracing::Level;

pub(crate) const TARGET: &str = "tower_steady_backoff_jitter";

/// A try that has ended.
#[derive(Debug)]
pub(crate) struct Tried<'a> {
    pub(crate) class: Class,
    pub(crate) status: Option<StatusCode>,
    pub(crate) attempt: u32,
    pub(crate) request_id: Option<&'a str>,
}

impl<'a> Tried<'a> {
    pub(crate) fn new<RB>(class: Class, attempt: u32, response: Option<&'a Response<RB>>) -> Self {
        Self {
            class,
            status: response.map(Response::status),
            attempt,
            request_id: response.and_then(|response| request_id::find(response.headers())),
        }
    }
}

/// Whether anybody wants to know of every try. What is told of it is only made then.
pub(crate) fn tells_attempts() -> bool {
    tracing::enabled!(target: TARGET, Level::DEBUG)
}

#[cold]
pub(crate) fn attempt(tried: &Tried<'_>, elapsed: Duration, wait: Option<Duration>) {
    tracing::debug!(
        target: TARGET,
        class = tried.class.as_str(),
        status = tried.status.map(|status| status.as_u16()),
        attempt = tried.attempt,
        elapsed_ms = millis(elapsed),
        wait_ms = wait.map(millis),
        request_id = tried.request_id,
        "attempt"
    );
}

pub(crate) fn retrying(tried: &Tried<'_>, wait: Duration, repaired: bool) {
    tracing::warn!(
        target: TARGET,
        class = tried.class.as_str(),
        status = tried.status.map(|status| status.as_u16()),
        attempt = tried.attempt,
        wait_ms = millis(wait),
        request_id = tried.request_id,
        repaired,
        "retrying"
    );
}

pub(crate) fn giving_up(tried: &Tried<'_>, veto: &Veto) {
    tracing::warn!(
        target: TARGET,
        class = tried.class.as_str(),
        status = tried.status.map(|status| status.as_u16()),
        attempt = tried.attempt,
        request_id = tried.request_id,
        veto = veto.reason().as_str(),
        detail = veto.details(),
        left_ms = veto.time_left().map(millis),
        "giving up"
    );
}

/// The key is refused, and no classifier has said so.
pub(crate) fn unauthenticated(tried: &Tried<'_>) {
    tracing::error!(
        target: TARGET,
        class = tried.class.as_str(),
        status = tried.status.map(|status| status.as_u16()),
        attempt = tried.attempt,
        request_id = tried.request_id,
        "authentication failed"
    );
}
