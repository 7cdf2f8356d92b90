use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tokio::time::Instant;
use tower::{Service, ServiceExt};
use tower_steady_core::{BoxError, Class, Outcome, Report, VetoReason};

use crate::{BoxService, RequestBody};

/// A chat completion that is asked for at this base URL.
///
/// # Panics
///
/// Where `base` is no URL.
#[must_use]
pub fn chat(base: &str) -> Request<RequestBody> {
    Request::post(format!("{base}/v1/chat/completions"))
        .header("content-type", "application/json")
        .body(RequestBody::from(r#"{"model":"gpt-4o-mini"}"#))
        .expect("a valid request")
}

/// What a caller got, read to its end.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// The note on the answer, or what its status says.
    pub outcome: Outcome,
    /// What was tried, where more than once.
    pub report: Option<Report>,
    /// How long the head took.
    pub elapsed: Duration,
}

impl Answered {
    /// What happened.
    #[must_use]
    pub fn class(&self) -> Class {
        self.outcome.class
    }

    /// Why there was no further try.
    #[must_use]
    pub fn veto(&self) -> Option<VetoReason> {
        self.outcome.veto.as_ref().map(|veto| veto.reason())
    }
}

/// Makes a call and reads the answer to its end.
///
/// # Errors
///
/// What the stack or the body failed with.
pub async fn call(
    service: &BoxService,
    request: Request<RequestBody>,
) -> Result<Answered, BoxError> {
    let start = Instant::now();
    let mut service = service.clone();
    let result = service.ready().await?.call(request).await;
    let elapsed = start.elapsed();
    let outcome = Outcome::read(&result);
    let report = Report::of(&result).cloned();
    let (head, body) = result?.into_parts();
    Ok(Answered {
        status: head.status,
        headers: head.headers,
        body: body.collect().await?.to_bytes(),
        outcome,
        report,
        elapsed,
    })
}
