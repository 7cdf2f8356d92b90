//! What layer, service and body promise to their neighbours.

use std::cell::Cell;
use std::fmt::Debug;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt, Full};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_steady_core::{BoxError, TryClone};
use tower_steady_replay_body::{
    LimitExceeded, Replay, ReplayBody, ReplayLayer, SourceError, Superseded,
};

assert_impl_all!(ReplayLayer: Copy, Send, Sync, Debug, Default);
assert_impl_all!(Replay<()>: Clone, Send, Sync, Debug, Unpin);
// Sync although axum's body is not, as `reqwest::Body::wrap` wants it.
assert_impl_all!(ReplayBody<Body>: http_body::Body<Data = Bytes, Error = BoxError>, TryClone, Send, Sync, Unpin, Debug);
assert_impl_all!(ReplayBody<UnsyncBoxBody<Bytes, BoxError>>: http_body::Body, Send, Sync);
assert_impl_all!(ReplayBody<BoxBody<Bytes, BoxError>>: http_body::Body, Send, Sync);
assert_impl_all!(ReplayBody<hyper::body::Incoming>: http_body::Body, Send, Sync, Unpin);
assert_impl_all!(ReplayBody<tonic::body::Body>: http_body::Body, Send, Sync, Unpin);
assert_impl_all!(ReplayBody<Full<Bytes>>: http_body::Body, Send, Sync);
// Unpin whatever it wraps, so that any body can be used.
assert_impl_all!(ReplayBody<std::marker::PhantomPinned>: Unpin, Debug);
// `Clone` cannot say no.
assert_not_impl_any!(ReplayBody<Full<Bytes>>: Clone);
assert_not_impl_any!(ReplayBody<Rc<()>>: Send, Sync);
assert_impl_all!(LimitExceeded: std::error::Error, Send, Sync);
assert_impl_all!(SourceError: std::error::Error, Send, Sync);
assert_impl_all!(Superseded: std::error::Error, Send, Sync);

/// A body that is not `Unpin`, as an `async` block makes one.
#[tokio::test]
async fn a_body_that_is_not_unpin_can_be_sent_again() {
    async fn produce() -> Option<Result<http::HeaderMap, BoxError>> {
        tokio::task::yield_now().await;
        None
    }
    let body = Full::new(Bytes::from("x"))
        .map_err(BoxError::from)
        .with_trailers(produce());
    let body = ReplayBody::new(body, 10);
    let kept = body.try_clone().unwrap();
    for body in [body, kept] {
        assert_eq!(body.collect().await.unwrap().to_bytes(), "x");
    }
}

#[test]
fn readiness_and_its_errors_pass_through() {
    struct Unready(Rc<Cell<u32>>);
    impl<B> Service<Request<B>> for Unready {
        type Response = Response<()>;
        type Error = &'static str;
        type Future = std::future::Ready<Result<Response<()>, &'static str>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            self.0.set(self.0.get() + 1);
            match self.0.get() {
                1 => Poll::Pending,
                2 => Poll::Ready(Ok(())),
                _ => Poll::Ready(Err("broken")),
            }
        }
        fn call(&mut self, _: Request<B>) -> Self::Future {
            std::future::ready(Ok(Response::new(())))
        }
    }
    let polls = Rc::new(Cell::new(0));
    let mut service = ReplayLayer::new().layer(Unready(Rc::clone(&polls)));
    let mut ready = || {
        let cx = &mut Context::from_waker(Waker::noop());
        Service::<Request<Full<Bytes>>>::poll_ready(&mut service, cx)
    };
    assert!(ready().is_pending());
    assert_eq!(ready(), Poll::Ready(Ok(())));
    assert_eq!(ready(), Poll::Ready(Err("broken")));
    assert_eq!(polls.get(), 3);
}

#[tokio::test]
async fn the_layer_fits_axum_routes_and_boxes() {
    let echo = service_fn(|request: Request<ReplayBody<Body>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Body::new(request.into_body())))
    });
    let service = tower::util::BoxCloneSyncService::new(ReplayLayer::new().layer(echo));
    let response = service.clone().oneshot(Request::new(Body::from("x")));
    let body = response.await.unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "x");
    let app: axum::Router = axum::Router::new().route_service("/", service);
    let response = app.oneshot(Request::new(Body::from("y"))).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "y"
    );
}

/// reqwest takes no body that is not `Sync`; tonic sends its own with trailers.
#[tokio::test]
async fn it_fits_reqwest_and_tonic() {
    let body = ReplayBody::new(Body::from("x"), 10);
    let body = reqwest::Body::wrap(body);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "x");

    let body = ReplayBody::new(tonic::body::Body::new(Full::new(Bytes::from("y"))), 10);
    let kept = body.try_clone().unwrap();
    for body in [body, kept] {
        let body = tonic::body::Body::new(body.map_err(tonic::Status::from_error));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "y");
    }
}

/// An attempt that reads the body may be dropped at any of its polls; the next one sends it whole.
#[tokio::test]
async fn an_attempt_may_be_dropped_at_every_poll() {
    for polls in 0..12 {
        let chunks = futures_util::stream::unfold(0_u8, |n| async move {
            tokio::task::yield_now().await;
            (n < 4).then(|| {
                (
                    Ok::<_, BoxError>(http_body::Frame::data(Bytes::from(vec![n]))),
                    n + 1,
                )
            })
        });
        let body = ReplayBody::new(http_body_util::StreamBody::new(chunks), 10);
        let kept = body.try_clone().unwrap();
        {
            let mut attempt = pin!(body.collect());
            for _ in 0..polls {
                let mut cx = Context::from_waker(Waker::noop());
                if attempt.as_mut().poll(&mut cx).is_ready() {
                    break;
                }
            }
        }
        let again = tokio::time::timeout(Duration::from_secs(5), kept.collect());
        assert_eq!(
            again.await.unwrap().unwrap().to_bytes()[..],
            [0, 1, 2, 3],
            "{polls} polls"
        );
    }
}

#[test]
fn formatting_shows_no_content_and_takes_no_lock() {
    let body = ReplayBody::new(Full::new(Bytes::from("secret")), 10);
    assert!(!format!("{body:?}").contains("secret"));
    assert!(format!("{:?}", ReplayLayer::new()).contains("2097152"));
}
