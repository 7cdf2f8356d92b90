use std::error::Error;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use tower_steady_core::{BoxError, Class, Outcome, Report, VetoReason};

use crate::words;

/// The error behind a response, in the response's extensions: for a log, not for the caller. `Debug`
/// prints nothing of it.
#[derive(Clone)]
pub struct OriginalError(Arc<dyn Error + Send + Sync>);

impl OriginalError {
    /// The error, as the stack gave it.
    #[must_use]
    pub fn get(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl fmt::Debug for OriginalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginalError").finish_non_exhaustive()
    }
}

/// The response that says what `error` is: status, `Retry-After` where a time is known, and a small
/// JSON body. See the [module's docs](super).
///
/// ```
/// use tower_steady::error_response::error_response;
/// use tower_steady::{Failure, Outcome, Veto, VetoReason};
///
/// let veto = Veto::new(VetoReason::Paused).left(std::time::Duration::from_millis(2500));
/// let answer = error_response(Failure::new(Outcome::rejected(veto), "paused"));
/// assert_eq!(answer.status(), 503);
/// assert_eq!(answer.headers()["retry-after"], "3");
/// ```
#[must_use]
pub fn error_response(error: impl Into<BoxError>) -> Response<String> {
    let result: Result<Response<()>, BoxError> = Err(error.into());
    let outcome = Outcome::read(&result);
    let report = Report::of(&result).cloned();
    let wait = words::time_left(&outcome);

    let mut response = Response::new(body(&outcome, report.as_ref(), wait));
    *response.status_mut() = status(&outcome);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(wait) = wait {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
    let extensions = response.extensions_mut();
    extensions.insert(outcome);
    if let Some(report) = report {
        extensions.insert(report);
    }
    if let Err(error) = result {
        extensions.insert(OriginalError(error.into()));
    }
    response
}

fn status(outcome: &Outcome) -> StatusCode {
    let veto = outcome.veto.as_ref().map(|veto| veto.reason());
    match (outcome.class, veto) {
        (Class::Rejected, Some(VetoReason::Deadline)) | (Class::Timeout, _) => {
            StatusCode::GATEWAY_TIMEOUT
        }
        (Class::Rejected | Class::Overloaded, _) => StatusCode::SERVICE_UNAVAILABLE,
        (Class::RateLimited, _) => StatusCode::TOO_MANY_REQUESTS,
        (Class::InvalidRequest, _) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// `Retry-After` knows whole seconds only (RFC 9110 section 10.2.3); a second early is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs()
        .saturating_add(u64::from(wait.subsec_nanos() > 0))
}

/// Every word in it is one of ours and needs no escape.
fn body(outcome: &Outcome, report: Option<&Report>, wait: Option<Duration>) -> String {
    let mut body = format!(r#"{{"error":{{"type":"{}""#, outcome.class);
    // Writing to a string does not fail.
    if let Some(veto) = &outcome.veto {
        let _ = write!(body, r#","reason":"{}""#, veto.reason());
    }
    let _ = write!(body, r#","message":"{}""#, words::message(outcome));
    if let Some(report) = report {
        let _ = write!(body, r#","attempts":{}"#, report.sends());
    }
    if let Some(wait) = wait {
        let _ = write!(body, r#","retry_after_ms":{}"#, wait.as_millis());
    }
    body.push_str("}}");
    body
}
