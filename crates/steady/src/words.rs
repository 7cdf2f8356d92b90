//! What a server tells its own caller about a call that failed: fixed words, and for how long.

use std::time::Duration;

use tower_steady_core::{Class, Outcome, VetoReason};

/// What happened, in words with nothing in them from the request, the provider, or an error's text.
pub(crate) fn message(outcome: &Outcome) -> &'static str {
    let veto = outcome.veto.as_ref().map(|veto| veto.reason());
    match (outcome.class, veto) {
        (Class::Rejected, Some(VetoReason::Deadline)) | (Class::Timeout, _) => {
            "the provider did not answer in time"
        }
        (Class::Rejected, Some(VetoReason::CircuitOpen)) => {
            "the provider is not being called right now"
        }
        (Class::Rejected, Some(VetoReason::Paused)) => "calls to the provider are paused",
        (Class::Rejected, Some(VetoReason::Budget | VetoReason::Spend)) => {
            "a budget for calls to the provider is used up"
        }
        (Class::Rejected, _) => "the call was refused before it was sent",
        (Class::Overloaded, _) => "the provider is overloaded",
        (Class::RateLimited, _) => "the provider's rate limit is reached",
        (Class::InvalidRequest, _) => "the request to the provider could not be made",
        (Class::ContextLength | Class::TooLarge, _) => "the prompt is too long",
        (Class::ContentPolicy, _) => "the provider's content policy refuses the prompt",
        (Class::Transport, _) => "the connection to the provider failed",
        _ => "the provider's answer failed",
    }
}

/// How long it makes no sense to come back: the provider's word and the layers', the longer of both.
pub(crate) fn time_left(outcome: &Outcome) -> Option<Duration> {
    let veto = outcome.veto.as_ref().and_then(|veto| veto.time_left());
    outcome.wait.max(veto)
}
