use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Service, service_fn};

use super::{Stack, erase};
use crate::provider::{AnswerBody, HttpClient, HttpError};

pub(super) type Attempt = Result<Response<AnswerBody>, HttpError>;

/// A retry loop around one call, as an application writes it: told how the `failed`-th try (from 1)
/// ended, `wait` says how long to sleep before the next one, or that there is none.
pub(super) fn stack<P, W>(http: HttpClient, policy: P) -> Stack
where
    P: Fn() -> W + Clone + Send + 'static,
    W: FnMut(u32, &Attempt) -> Option<Duration> + Send + 'static,
{
    erase(service_fn(move |request: Request<Full<Bytes>>| {
        let mut http = http.clone();
        let mut wait = policy();
        async move {
            let mut failed = 0;
            loop {
                let attempt = http.call(request.clone()).await;
                if status(&attempt).is_some_and(|status| status.is_success()) {
                    return attempt;
                }
                failed += 1;
                match wait(failed, &attempt) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return attempt,
                }
            }
        }
    }))
}

pub(super) fn status(attempt: &Attempt) -> Option<StatusCode> {
    attempt.as_ref().ok().map(Response::status)
}
