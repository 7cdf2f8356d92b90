//! The two events of this crate. Their messages and fields are part of its interface.

use http::StatusCode;
use std::time::Duration;
use tower_steady_core::{Class, Veto};

const TARGET: &str = "tower_steady_backoff_jitter";

/// The try that failed.
#[derive(Debug)]
pub(crate) struct Failed<'a> {
    pub(crate) class: Class,
    pub(crate) status: Option<StatusCode>,
    pub(crate) attempt: u32,
    pub(crate) request_id: Option<&'a str>,
}

pub(crate) fn retrying(failed: &Failed<'_>, wait: Duration, repaired: bool) {
    tracing::warn!(
        target: TARGET,
        class = failed.class.as_str(),
        status = failed.status.map(|status| status.as_u16()),
        attempt = failed.attempt,
        wait_ms = millis(wait),
        request_id = failed.request_id,
        repaired,
        "retrying"
    );
}

pub(crate) fn giving_up(failed: &Failed<'_>, veto: &Veto) {
    tracing::warn!(
        target: TARGET,
        class = failed.class.as_str(),
        status = failed.status.map(|status| status.as_u16()),
        attempt = failed.attempt,
        request_id = failed.request_id,
        veto = veto.reason().as_str(),
        reason = veto.details(),
        left_ms = veto.time_left().map(millis),
        "giving up"
    );
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
