//! What holds for the types: sharing, sending, readiness, and being dropped at any poll.

mod common;

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use common::{Scripted, Step, answer, call, scripted};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_steady_classify::{
    Classify, ClassifyBuilder, ClassifyLayer, Facts, ResponseBody, ResponseFuture, UserRule,
};
use tower_steady_core::{BoxError, Outcome};

type Ready = std::future::Ready<Result<Response<Full<Bytes>>, Infallible>>;

assert_impl_all!(ClassifyLayer: Clone, Default, std::fmt::Debug, Send, Sync, Unpin);
assert_impl_all!(ClassifyBuilder: std::fmt::Debug, Send, Sync);
assert_impl_all!(Classify<()>: Clone, std::fmt::Debug, Send, Sync, Unpin);
assert_impl_all!(ResponseFuture<Ready, Full<Bytes>>: std::fmt::Debug, Send, Sync);
assert_impl_all!(ResponseBody<Full<Bytes>>: std::fmt::Debug, Send, Sync, Unpin);
assert_impl_all!(UserRule: Clone, std::fmt::Debug, Send, Sync);
assert_impl_all!(Facts<'static>: std::fmt::Debug, Send);
// As sendable as what it holds, and no more shareable.
assert_impl_all!(ResponseBody<UnsyncBoxBody<Bytes, BoxError>>: Send);
assert_not_impl_any!(ResponseBody<UnsyncBoxBody<Bytes, BoxError>>: Sync);

/// Errors that are no `std::error::Error`, such as `BoxError`, are fine in a body.
#[tokio::test]
async fn body_may_end_in_a_boxed_error() {
    let service = service_fn(|_: Request<()>| async {
        let body = Full::new(Bytes::from_static(b"{}")).map_err(|never| match never {});
        let body: UnsyncBoxBody<Bytes, BoxError> = body.boxed_unsync();
        Response::builder().status(500).body(body)
    });
    let response = ClassifyLayer::new()
        .layer(service)
        .oneshot(Request::new(()))
        .await
        .unwrap();
    assert!(response.extensions().get::<Outcome>().unwrap().whole);
}

/// Readiness is the inner service's: the layer has nothing to wait for and queues nothing.
#[tokio::test]
async fn readiness_is_the_inner_services() {
    let (inner, mut handle) = gated();
    let mut service = ClassifyLayer::new().layer(inner);
    handle.allow(0);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_pending());
    handle.allow(1);
    assert!(service.poll_ready(&mut cx).is_ready());
}

type Mock = tower::util::BoxService<Request<()>, Response<Full<Bytes>>, BoxError>;

struct Gate(Arc<AtomicUsize>);

impl Gate {
    fn allow(&mut self, calls: usize) {
        self.0.store(calls, Ordering::SeqCst);
    }
}

fn gated() -> (Mock, Gate) {
    struct Inner(Arc<AtomicUsize>);

    impl Service<Request<()>> for Inner {
        type Response = Response<Full<Bytes>>;
        type Error = BoxError;
        type Future = std::future::Ready<Result<Self::Response, BoxError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            match self.0.load(Ordering::SeqCst) {
                0 => Poll::Pending,
                _ => Poll::Ready(Ok(())),
            }
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            std::future::ready(Ok(Response::default()))
        }
    }

    let allowed = Arc::default();
    let inner = Inner(Arc::clone(&allowed));
    (Mock::new(inner), Gate(allowed))
}

/// Dropped at any poll, the call lets go of the body, and with it of its connection.
#[tokio::test(start_paused = true)]
async fn dropped_at_any_poll_it_lets_the_body_go() {
    for polls in 0..4 {
        let (body, dropped) = scripted([
            Step::data("{"),
            Step::Wait(Duration::from_millis(1)),
            Step::data("}"),
            Step::Wait(Duration::from_millis(1)),
        ]);
        let layer = ClassifyLayer::new();
        {
            let mut call = pin!(call(&layer, answer(500, "application/json", body)));
            for _ in 0..polls {
                let ready =
                    std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready()));
                if ready.await {
                    break;
                }
                tokio::time::advance(Duration::from_millis(2)).await;
            }
        }
        assert!(dropped.yet(), "after {polls} polls");
    }
}

/// Dropped in the middle, a watched stream has no verdict: whoever counts calls it cancelled.
#[tokio::test(start_paused = true)]
async fn stream_dropped_in_the_middle_has_no_verdict() {
    let (body, dropped): (Scripted, _) =
        scripted([Step::data("data: {\"candidates\":[]}\n\n"), Step::Hang]);
    let response = call(
        &ClassifyLayer::new(),
        answer(200, "text/event-stream", body),
    )
    .await
    .unwrap();
    let cell = response
        .extensions()
        .get::<tower_steady_core::StreamOutcome>()
        .unwrap()
        .clone();
    drop(response);
    assert!(cell.has_output() && cell.verdict().is_none() && dropped.yet());
}
