//! The tracing events, in one place so that names and fields stay what the front page says.

use http::{HeaderMap, StatusCode};
use tower_steady_core::event::millis;
use tower_steady_core::{Class, Outcome, request_id};

const TARGET: &str = "tower_steady_classify";

/// A response is a failure.
pub(crate) fn answered(outcome: &Outcome, status: StatusCode, headers: &HeaderMap) {
    tracing::debug!(
        target: TARGET,
        class = outcome.class.as_str(),
        transient = outcome.transient,
        status = status.as_u16(),
        rule = outcome.rule,
        wait_ms = outcome.wait.map(millis),
        whole = outcome.whole,
        request_id = request_id::find(headers),
        "call failed"
    );
}

/// There was no response.
pub(crate) fn failed(outcome: &mut Outcome) {
    tracing::debug!(
        target: TARGET,
        class = outcome.class.as_str(),
        transient = outcome.transient,
        rule = outcome.rule,
        sent = outcome.sent,
        "call failed without a response"
    );
    if is_final(outcome) && outcome.announce() {
        unauthenticated(outcome, None, None);
    }
}

/// A stream failed after its head was passed on.
pub(crate) fn cut_short(outcome: &Outcome) {
    tracing::debug!(
        target: TARGET,
        class = outcome.class.as_str(),
        transient = outcome.transient,
        rule = outcome.rule,
        "stream failed"
    );
    // A stream is not tried again, whatever the server says.
    if outcome.class == Class::Auth {
        unauthenticated(outcome, None, None);
    }
}

/// Tells of a refused key, which wants a person and no retry, unless a classifier further in has.
pub(crate) fn refused(note: Option<&mut Outcome>, status: StatusCode, headers: &HeaderMap) {
    if let Some(note) = note
        && is_final(note)
        && note.announce()
    {
        unauthenticated(note, Some(status), request_id::find(headers));
    }
}

/// Where the server asks for another try, the retry layer has the last word, and tells.
fn is_final(outcome: &Outcome) -> bool {
    outcome.class == Class::Auth && !outcome.transient
}

fn unauthenticated(outcome: &Outcome, status: Option<StatusCode>, request_id: Option<&str>) {
    tracing::error!(
        target: TARGET,
        class = outcome.class.as_str(),
        status = status.map(|status| status.as_u16()),
        rule = outcome.rule,
        request_id,
        "authentication failed"
    );
}
