//! A provider that does what each request tells it to, and bodies that can be cut.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::VecDeque;
use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use tokio::time::advance;
use tower::{Layer, Service, ServiceExt};
use tower_steady_circuit_breaker::{
    CircuitBreaker, CircuitBreakerBuilder, CircuitBreakerHandle, CircuitBreakerLayer, ResponseBody,
    State,
};
use tower_steady_core::{BoxError, Class, Failure, Outcome, StreamOutcome};

/// What the provider does with a call.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers with this status at once.
    Answers(u16),
    /// Answers with this status after a while.
    AnswersAfter(u16, Duration),
    /// Gives a transport error.
    Breaks,
    /// Never answers.
    Hangs,
    /// Answers 200 with this outcome noted.
    Notes(Outcome),
    /// Fails with this outcome noted.
    Fails(Outcome),
    /// Answers 200 with a stream and its note.
    Streams(Chunks),
}

impl Does {
    pub(crate) fn class(class: Class) -> Self {
        Self::Notes(Outcome::new(class))
    }
}

/// The chunks of a body: what it yields in turn, each with an effect on the stream's note.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunks {
    pub(crate) note: Option<StreamOutcome>,
    pub(crate) steps: VecDeque<Step>,
    /// Whether the body knows that it is at its end without being polled for it.
    pub(crate) knows_its_end: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Ping,
    Output,
    /// The terminal event: `[DONE]`.
    Terminal,
    /// An error event inside the stream.
    ErrorEvent(Class),
    /// The connection breaks.
    Cut,
    /// Nothing comes any more.
    Silence,
}

impl Chunks {
    pub(crate) fn stream(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            note: Some(StreamOutcome::new()),
            steps: steps.into_iter().collect(),
            knows_its_end: false,
        }
    }

    pub(crate) fn whole() -> Self {
        Self {
            note: None,
            steps: [Step::Output].into(),
            knows_its_end: true,
        }
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let note = self.note.clone().unwrap_or_default();
        match self.steps.front() {
            Some(Step::Silence) => return Poll::Pending,
            Some(Step::Cut) => {
                self.steps.clear();
                return Poll::Ready(Some(Err("connection reset".into())));
            }
            Some(Step::Output) => note.begin_output(),
            Some(Step::Terminal) => _ = note.complete(),
            Some(Step::ErrorEvent(class)) => _ = note.finish(Outcome::new(*class)),
            Some(Step::Ping) => {}
            None => return Poll::Ready(None),
        }
        self.steps.pop_front();
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data")))))
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.steps.is_empty()
    }
}

/// The provider, with a record of how many calls reached it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provider {
    pub(crate) sent: Arc<AtomicUsize>,
}

impl Provider {
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }
}

type Answer = Result<Response<Chunks>, BoxError>;

impl Service<Request<Does>> for Provider {
    type Response = Response<Chunks>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Does>) -> Self::Future {
        self.sent.fetch_add(1, Ordering::Relaxed);
        match request.into_body() {
            Does::Answers(status) => Box::pin(ready(Ok(answer(status)))),
            Does::AnswersAfter(status, after) => Box::pin(async move {
                tokio::time::sleep(after).await;
                Ok(answer(status))
            }),
            Does::Breaks => Box::pin(ready(Err("connection refused".into()))),
            Does::Hangs => Box::pin(pending()),
            Does::Notes(outcome) => {
                let mut response = answer(200);
                response.extensions_mut().insert(outcome);
                Box::pin(ready(Ok(response)))
            }
            Does::Fails(outcome) => Box::pin(ready(Err(Failure::new(outcome, "as told").into()))),
            Does::Streams(chunks) => {
                let mut response = Response::new(chunks.clone());
                if let Some(note) = chunks.note {
                    response.extensions_mut().insert(note);
                }
                Box::pin(ready(Ok(response)))
            }
        }
    }
}

fn answer(status: u16) -> Response<Chunks> {
    let response = Response::builder().status(status);
    response.body(Chunks::whole()).expect("a status")
}

/// Two failures in a row open for exactly 10 s.
pub(crate) fn builder() -> CircuitBreakerBuilder {
    CircuitBreakerLayer::builder()
        .consecutive_failures(2)
        .open_for(Duration::from_secs(10))
        .jitter(0.0)
}

pub(crate) type Answered = Result<Response<ResponseBody<Chunks>>, BoxError>;

/// One call on a clone of its own.
pub(crate) async fn call<S>(service: &S, does: Does) -> Answered
where
    S: Service<Request<Does>, Response = Response<ResponseBody<Chunks>>, Error = BoxError> + Clone,
{
    service.clone().oneshot(Request::new(does)).await
}

/// A circuit that is half-open at its next call.
pub(crate) async fn half_open(
    builder: CircuitBreakerBuilder,
) -> (CircuitBreakerHandle, CircuitBreaker<Provider>) {
    let layer = builder.build().unwrap();
    let service = layer.layer(Provider::default());
    for _ in 0..2 {
        call(&service, Does::Answers(500)).await.unwrap();
    }
    let circuit = layer.handle();
    assert_eq!(circuit.state(), State::Open);
    advance(circuit.time_left().unwrap()).await;
    (circuit, service)
}

/// Reads a body to its end, or to its error.
pub(crate) async fn read<B: Body + Unpin>(mut body: B) -> Result<usize, B::Error> {
    let mut frames = 0;
    while let Some(frame) = next(&mut body).await {
        frame?;
        frames += 1;
    }
    Ok(frames)
}

/// The next frame of a body.
pub(crate) async fn next<B: Body + Unpin>(
    body: &mut B,
) -> Option<Result<Frame<B::Data>, B::Error>> {
    std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
}
