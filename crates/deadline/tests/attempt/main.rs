//! The timers of an attempt.

mod body;
mod head;

use std::time::Duration;

use http::Request;
use tower_steady_core::{BoxError, Class, Failure};
use tower_steady_deadline::{
    AttemptElapsed, AttemptTimeoutBuilder, AttemptTimeoutLayer, Timer, after,
};

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// No limit but those that a test sets.
pub(crate) fn limits() -> AttemptTimeoutBuilder {
    AttemptTimeoutLayer::builder().first_output(None).idle(None)
}

/// The timer that `error` names; it must be an ordinary outcome that may be retried.
#[track_caller]
pub(crate) fn timer(error: &BoxError) -> Timer {
    let failure = Failure::find(&**error).unwrap_or_else(|| panic!("no failure: {error}"));
    let outcome = failure.outcome();
    assert_eq!(outcome.class, Class::Timeout);
    assert!(outcome.may_retry() && outcome.sent && outcome.veto.is_none());
    let elapsed: &AttemptElapsed = failure.find_source().expect("a timer");
    assert_eq!(outcome.rule, Some(&*format!("timer_{}", elapsed.timer())));
    elapsed.timer()
}

pub(crate) fn request(deadline: Option<u64>) -> Request<()> {
    let mut request = Request::new(());
    if let Some(left) = deadline {
        request.extensions_mut().insert(after(secs(left)));
    }
    request
}
