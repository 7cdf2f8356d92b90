//! What the tests share: providers that answer by a function, and questions to them.

#![allow(dead_code, reason = "each test uses some of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::Service;
use tower_steady_core::BoxError;
use tower_steady_fallback::{FallbackLayer, Fixed};

pub(crate) type Req = Request<Full<Bytes>>;
pub(crate) type Answer = Result<Response<Full<Bytes>>, BoxError>;

/// A provider that answers by a function and counts its calls.
pub(crate) fn provider(
    calls: &Arc<AtomicUsize>,
    answer: impl Fn(Req) -> Answer + Clone + Send + Sync + 'static,
) -> impl Service<Req, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ 'static {
    let calls = Arc::clone(calls);
    tower::service_fn(move |request| {
        calls.fetch_add(1, Ordering::Relaxed);
        let result = answer(request);
        async move { result }
    })
}

pub(crate) fn status(status: u16, body: &'static str) -> Answer {
    Ok(Response::builder()
        .status(status)
        .body(Full::from(body))
        .unwrap())
}

pub(crate) fn ask(question: &'static str) -> Req {
    Request::new(Full::from(question))
}

pub(crate) fn fixed() -> FallbackLayer<Fixed> {
    FallbackLayer::new(Fixed::new(Response::new(Bytes::from_static(b"sorry"))))
}

pub(crate) async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A provider that is up until `down` says otherwise.
pub(crate) fn until(
    down: &Arc<AtomicUsize>,
) -> impl Service<Req, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send> + Clone {
    let down = Arc::clone(down);
    tower::service_fn(move |_: Req| {
        let code = if down.load(Ordering::Relaxed) == 0 {
            200
        } else {
            503
        };
        async move { status(code, "own") }
    })
}

pub(crate) fn by_body(request: &Req) -> Option<Bytes> {
    // A `Full` has its bytes at hand.
    let mut body = request.body().clone();
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    match http_body::Body::poll_frame(std::pin::Pin::new(&mut body), &mut context) {
        std::task::Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        _ => None,
    }
}
