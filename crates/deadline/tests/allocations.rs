//! What a call pays for its timers.

use std::future::ready;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_steady_core::BoxError;
use tower_steady_deadline::{AttemptTimeoutLayer, DeadlineLayer};

fn call<F: Future>(future: F) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("not ready"),
    }
}

fn count(work: impl FnOnce()) -> u64 {
    measure(work).count_total
}

#[tokio::test]
async fn a_call_that_is_answered_at_once_pays_for_nothing_but_its_note() {
    let provider = service_fn(|_: Request<()>| {
        ready(Ok::<_, BoxError>(Response::new(Full::new(Bytes::new()))))
    });
    // Nothing to note: nothing to pay.
    let mut idle = ServiceBuilder::new()
        .layer(DeadlineLayer::new())
        .layer(AttemptTimeoutLayer::new())
        .service(provider);
    assert_eq!(count(|| drop(call(idle.call(Request::new(()))))), 0);

    // The note itself: the extensions' map, its table, and the value.
    let timeout = Duration::from_secs(10);
    let mut bounded = ServiceBuilder::new()
        .layer(DeadlineLayer::builder().timeout(timeout).build().unwrap())
        .layer(AttemptTimeoutLayer::new())
        .service(provider);
    assert_eq!(count(|| drop(call(bounded.call(Request::new(()))))), 3);
}

/// Pends before each frame.
struct Slow(bool);

impl Body for Slow {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0 = !self.0;
        if self.0 {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data: x\n\n")))))
    }
}

#[tokio::test]
async fn a_stream_pays_once_however_long_it_is() {
    let mut service = AttemptTimeoutLayer::new().layer(service_fn(|_: Request<()>| {
        ready(Ok::<_, BoxError>(
            Response::builder()
                .header("content-type", "text/event-stream")
                .body(Slow(false))
                .unwrap(),
        ))
    }));
    let mut body = call(service.call(Request::new(()))).unwrap().into_body();
    let mut cx = Context::from_waker(Waker::noop());
    let allocations = count(|| {
        for _ in 0..1000 {
            let _ = Pin::new(&mut body).poll_frame(&mut cx);
        }
    });
    assert_eq!(allocations, 1);
}

/// A head that is awaited costs a timer, which stands in the future itself.
#[tokio::test]
async fn awaiting_the_head_allocates_nothing() {
    let mut service = ServiceBuilder::new()
        .layer(DeadlineLayer::new())
        .layer(AttemptTimeoutLayer::new())
        .service(service_fn(|_: Request<()>| {
            std::future::pending::<Result<Response<Full<Bytes>>, BoxError>>()
        }));
    let mut request = Request::new(());
    let deadline = tower_steady_deadline::after(Duration::from_secs(5));
    request.extensions_mut().insert(deadline);
    let future = service.call(request);
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    let allocations = count(|| {
        for _ in 0..3 {
            assert!(future.as_mut().poll(&mut cx).is_pending());
        }
    });
    assert_eq!(allocations, 0);
}
