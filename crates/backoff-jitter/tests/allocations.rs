//! What the layer costs a call that succeeds at once, in allocations over the bare service.

use std::future::{Ready, ready};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tower::{BoxError, Layer, Service};
use tower_steady_backoff_jitter::{MaxAttempts, RetryLayer};
use tower_steady_core::Deadline;

type Body = Full<Bytes>;

/// Answers at once and allocates nothing.
#[derive(Clone)]
struct Bare;

impl Service<Request<Body>> for Bare {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Ready<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        drop(request);
        ready(Ok(Response::new(Body::default())))
    }
}

/// Eight headers, three of them made for the call, and a body of 1 KiB made for it too.
fn mix() -> Request<Body> {
    Request::post("https://provider.test/v1/chat/completions")
        .header("accept", HeaderValue::from_static("application/json"))
        .header("content-type", HeaderValue::from_static("application/json"))
        .header("user-agent", HeaderValue::from_static("agent/1.0"))
        .header(
            "authorization",
            HeaderValue::from_static("Bearer sk-0123456789"),
        )
        .header("x-api-version", HeaderValue::from_static("2026-11-21"))
        .header("traceparent", format!("00-{:032x}-{:016x}-01", 7, 7))
        .header("x-request-id", format!("req_{:024}", 7))
        .header("content-length", 1024)
        .body(Body::from(vec![b'x'; 1024]))
        .unwrap()
}

fn allocations<S>(service: &mut S, request: Request<Body>) -> u64
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let counted = measure(|| {
        assert!(service.poll_ready(&mut cx).is_ready());
        let future = std::pin::pin!(service.call(request));
        assert!(future.poll(&mut cx).is_ready());
    });
    counted.count_total
}

#[test]
fn a_success_at_once_allocates_for_the_body_alone() {
    let with = |change: &dyn Fn(&mut Request<Body>)| {
        let mut request = mix();
        change(&mut request);
        request
    };
    let note = |request: &mut Request<Body>| {
        let deadline = Deadline::at(Instant::now() + Duration::from_secs(30));
        request.extensions_mut().insert(deadline);
        request.extensions_mut().insert(MaxAttempts(3));
    };
    let once = |request: &mut Request<Body>| {
        request.extensions_mut().insert(MaxAttempts(1));
    };
    let mut retry = RetryLayer::new().layer(Bare);
    // The first call fills the thread's pool.
    allocations(&mut retry, mix());

    // The one is the `Bytes` of a fresh `Vec`, whose first clone makes its count.
    assert_eq!(allocations(&mut retry, mix()), 1);
    assert_eq!(allocations(&mut retry, with(&note)), 1);
    // Where no retry can follow nothing is kept.
    assert_eq!(allocations(&mut retry, with(&once)), 0);
    let shared = Bytes::from_static(b"{}");
    let cheap = with(&|request| *request.body_mut() = Body::from(shared.clone()));
    assert_eq!(allocations(&mut retry, cheap), 0);
    assert_eq!(allocations(&mut Bare, mix()), 0);
}

#[test]
fn a_call_costs_few_bytes_of_stack() {
    let bare = size_of_val(&Bare.call(mix()));
    let retry = size_of_val(&RetryLayer::new().layer(Bare).call(mix()));
    // When it began, which only metrics want to know.
    let began = if cfg!(feature = "metrics") { 16 } else { 0 };
    assert!(retry <= bare + 192 + began, "{retry} over {bare}");
}
