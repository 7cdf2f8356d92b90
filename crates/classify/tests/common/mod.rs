//! A scripted body, and a service around a response.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use tokio::time::Sleep;
use tower::{Layer, ServiceExt, service_fn};
use tower_steady_classify::{ClassifyLayer, ResponseBody};
use tower_steady_core::{BoxError, Outcome, StreamOutcome};

pub(crate) const JSON: &str = "application/json";
pub(crate) const SSE: &str = "text/event-stream";
pub(crate) const QUOTA: &str = r#"{"error":{"code":"insufficient_quota","message":"pay"}}"#;

/// What is noted on an answer.
pub(crate) fn outcome<B>(response: &Response<B>) -> &Outcome {
    response.extensions().get().expect("a note")
}

/// Where the end of a stream is written.
pub(crate) fn stream<B>(response: &Response<B>) -> StreamOutcome {
    response
        .extensions()
        .get::<StreamOutcome>()
        .expect("a stream's cell")
        .clone()
}

/// What a scripted body does next.
#[derive(Debug)]
pub(crate) enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Wait(Duration),
    Break,
    Hang,
}

impl Step {
    pub(crate) fn data(text: &'static str) -> Self {
        Self::Data(Bytes::from_static(text.as_bytes()))
    }
}

pin_project_lite::pin_project! {
    /// A body that plays its steps, and tells when it is dropped.
    pub(crate) struct Scripted {
        steps: VecDeque<Step>,
        sleep: Option<Pin<Box<Sleep>>>,
        flag: Flag,
        // Makes it `!Unpin`, as the bodies of async blocks are.
        #[pin]
        pinned: PhantomPinned,
    }
}

struct Flag(Dropped);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::SeqCst);
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

#[derive(Clone, Debug, Default)]
pub(crate) struct Dropped {
    dropped: Arc<AtomicBool>,
    taken: Arc<AtomicUsize>,
}

impl Dropped {
    pub(crate) fn yet(&self) -> bool {
        self.dropped.load(Ordering::SeqCst)
    }

    /// How many frames have been taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

pub(crate) fn scripted(steps: impl IntoIterator<Item = Step>) -> (Scripted, Dropped) {
    let dropped = Dropped::default();
    let body = Scripted {
        steps: steps.into_iter().collect(),
        sleep: None,
        flag: Flag(dropped.clone()),
        pinned: PhantomPinned,
    };
    (body, dropped)
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.project();
        loop {
            if let Some(sleep) = this.sleep {
                std::task::ready!(sleep.as_mut().poll(cx));
                *this.sleep = None;
            }
            this.flag.0.taken.fetch_add(1, Ordering::SeqCst);
            return Poll::Ready(match this.steps.pop_front() {
                None => None,
                Some(Step::Data(data)) => Some(Ok(Frame::data(data))),
                Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
                Some(Step::Break) => Some(Err(Broken)),
                Some(Step::Hang) => {
                    this.steps.push_front(Step::Hang);
                    return Poll::Pending;
                }
                Some(Step::Wait(time)) => {
                    *this.sleep = Some(Box::pin(tokio::time::sleep(time)));
                    continue;
                }
            });
        }
    }
}

pub(crate) type Answer = Result<Response<ResponseBody<Scripted>>, BoxError>;

/// Sends one call through `layer` to a service that answers `response`.
pub(crate) async fn call(layer: &ClassifyLayer, response: Response<Scripted>) -> Answer {
    let mut response = Some(response);
    let service = service_fn(move |_: Request<()>| {
        let response = response.take().expect("called once");
        async { Ok::<_, BoxError>(response) }
    });
    layer.layer(service).oneshot(Request::new(())).await
}

pub(crate) fn answer<B>(status: u16, content_type: &str, body: B) -> Response<B> {
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .body(body)
        .unwrap()
}

/// What a caller reads: the frames as they come, with an error or `end` at last.
pub(crate) async fn frames(body: impl Body<Data = Bytes, Error = Broken>) -> Vec<String> {
    let mut body = std::pin::pin!(body);
    let mut seen = Vec::new();
    loop {
        match std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            None => return seen,
            Some(Err(error)) => seen.push(format!("error: {error}")),
            Some(Ok(frame)) => seen.push(match frame.into_data() {
                Ok(data) => String::from_utf8_lossy(&data).into_owned(),
                Err(frame) => format!("{:?}", frame.into_trailers().unwrap()),
            }),
        }
    }
}
