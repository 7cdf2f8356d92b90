//! The tracing events, in one place so that names and fields stay what the front page says.

use http::{HeaderMap, StatusCode};
use tower_steady_core::{Outcome, request_id};

fn wait_ms(outcome: &Outcome) -> Option<u64> {
    let millis = outcome.wait?.as_millis();
    Some(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// A response is a failure.
pub(crate) fn answered(outcome: &Outcome, status: StatusCode, headers: &HeaderMap) {
    tracing::debug!(
        class = outcome.class.as_str(),
        transient = outcome.transient,
        status = status.as_u16(),
        reason = outcome.rule,
        wait_ms = wait_ms(outcome),
        whole = outcome.whole,
        request_id = request_id::find(headers),
        "call failed"
    );
}

/// There was no response.
pub(crate) fn failed(outcome: &Outcome) {
    tracing::debug!(
        class = outcome.class.as_str(),
        transient = outcome.transient,
        reason = outcome.rule,
        sent = outcome.sent,
        "call failed without a response"
    );
}

/// A stream failed after its head was passed on.
pub(crate) fn cut_short(outcome: &Outcome) {
    tracing::debug!(
        class = outcome.class.as_str(),
        transient = outcome.transient,
        reason = outcome.rule,
        "stream failed"
    );
}
