use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, Ready, ready};
use http::{Request, Response};
use http_body_util::Full;
use tokio::time::Instant;
use tower::{Service, ServiceBuilder};
use tower_resilience_circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer, CircuitState};
use tower_resilience_retry::RetryLayer;

use super::{Stack, erase, looped};
use crate::provider::{AnswerBody, HttpClient, HttpError};

type Req = Request<Full<Bytes>>;
type Error = CircuitBreakerError<HttpError>;

/// What `CircuitBreakerLayer::standard()` documents.
const OPEN: Duration = Duration::from_secs(30);

pub(super) fn stack(http: HttpClient, _: u64) -> Stack {
    let retry = RetryLayer::<Req, Response<AnswerBody>, Error>::exponential_backoff()
        .retry_on(|error| !error.is_circuit_open())
        .retry_on_response(|answer| {
            answer.status().as_u16() == 429 || answer.status().is_server_error()
        })
        .build();
    let opened = Opened::default();
    let noted = opened.clone();
    let breaker = CircuitBreakerLayer::standard()
        .failure_classifier(|attempt: &looped::Attempt| {
            looped::status(attempt).is_none_or(|status| status.is_server_error())
        })
        .wait_duration_in_open(Duration::ZERO)
        .on_state_transition(move |_, to| {
            let open = (to == CircuitState::Open).then(Instant::now);
            *noted.0.lock().unwrap_or_else(PoisonError::into_inner) = open;
        })
        .build()
        .expect("its own preset");
    let breaker = OpenOnVirtualTime {
        inner: ServiceBuilder::new().layer(breaker).service(http),
        opened,
    };
    erase(ServiceBuilder::new().layer(retry).service(breaker))
}

/// Since when the circuit is open.
#[derive(Clone, Debug, Default)]
struct Opened(Arc<Mutex<Option<Instant>>>);

impl Opened {
    fn is_waiting(&self) -> bool {
        let opened = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        opened.is_some_and(|since| since.elapsed() < OPEN)
    }
}

/// Does the one thing that the breaker does with `std::time::Instant`, on tokio's clock: rejects
/// while the circuit has been open for less than its open time. The breaker itself has an open time
/// of zero, and so goes half-open with the first call that gets through to it. All else is its own.
#[derive(Clone)]
struct OpenOnVirtualTime<S> {
    inner: S,
    opened: Opened,
}

impl<S> Service<Req> for OpenOnVirtualTime<S>
where
    S: Service<Req, Error = Error>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = Either<S::Future, Ready<Result<S::Response, Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.opened.is_waiting() {
            return Poll::Ready(Ok(()));
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        if self.opened.is_waiting() {
            return Either::Right(ready(Err(CircuitBreakerError::OpenCircuit)));
        }
        Either::Left(self.inner.call(request))
    }
}
