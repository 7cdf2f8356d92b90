//! Classifying a response that is there as a whole: what the layer does, without the layer.

use http::{HeaderMap, StatusCode, header};
use tower_steady_core::{Class, Outcome};

use crate::classifier::{Classifier, DefaultClassifier};
use crate::config::{Judge, LOOK_LIMIT};
use crate::decode::decoded;
use crate::future::{Kind, is_encoded};
use crate::peek::JSON_LIMIT;
use crate::stream::{Format, Origin, Signal, Sse, Watch, grpc_head, top_level};
use crate::{Facts, Provider};

/// Classifies a response from its head and its body, as the layer would: for logs, tests and tools.
///
/// The body is as the server sent it; a `content-encoding` is undone if its feature is on. Of an event
/// stream the start is enough: the answer is what is known at its first output event.
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use tower_steady_classify::classify_response;
/// use tower_steady_core::Class;
///
/// let body = br#"{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":""}}"#;
/// let outcome = classify_response(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), body, None);
/// assert_eq!(outcome.class, Class::QuotaExhausted);
/// assert!(!outcome.transient);
/// assert_eq!(outcome.rule, Some("quota-code"));
/// ```
#[must_use]
pub fn classify_response(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    provider: Option<Provider>,
) -> Outcome {
    let mut outcome = if Class::from_status(status) == Class::Success {
        in_success(status, headers, body, provider).unwrap_or(Outcome::new(Class::Success))
    } else {
        let body = &body[..body.len().min(LOOK_LIMIT)];
        judge_body(&DefaultClassifier, status, headers, body, provider)
    };
    outcome.whole = true;
    outcome
}

/// The failure inside a success, if there is one.
fn in_success(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    provider: Option<Provider>,
) -> Option<Outcome> {
    if status != StatusCode::OK {
        return None;
    }
    let judge = Judge::Default;
    let format = match Kind::of(headers.get(header::CONTENT_TYPE)?.as_bytes()) {
        Kind::Other => return None,
        kind if is_encoded(headers) && !matches!(kind, Kind::Grpc) => return None,
        Kind::Json if Sse::begins(body.trim_ascii_start()) => Format::Sse(Sse::default()),
        Kind::Json => {
            let head = body[..body.len().min(JSON_LIMIT)].trim_ascii_start();
            let cut = body.len() > JSON_LIMIT;
            return top_level(head).is_error_in(cut).then(|| {
                let body = &body[..body.len().min(LOOK_LIMIT)];
                judge_body(&DefaultClassifier, status, headers, body, provider)
            });
        }
        Kind::Grpc => return grpc_head(headers, &judge, provider),
        Kind::EventStream => Format::Sse(Default::default()),
        Kind::Ndjson => Format::Ndjson(Default::default()),
        Kind::AwsEventStream => Format::Frames(Default::default()),
    };
    let mut watch = Watch::new(format, Origin::new(&judge, provider, headers));
    let signal = match watch.data(body) {
        Signal::Waiting => watch.end(),
        known => known,
    };
    match signal {
        Signal::Failed(outcome) if !watch.has_output() => Some(outcome),
        _ => None,
    }
}

/// Judges a failed response by its head and what was read of its body.
pub(crate) fn judge_body(
    judge: &(impl Classifier + ?Sized),
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    provider: Option<Provider>,
) -> Outcome {
    let body = decoded(headers, body);
    judge.response(&Facts::read(status, headers, &body, provider))
}
