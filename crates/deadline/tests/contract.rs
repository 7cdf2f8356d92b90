//! What every service, future and body of this crate promises to its neighbours.

use std::cell::Cell;
use std::fmt::Debug;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_layer::{Identity, Stack};
use tower_steady_core::BoxError;
use tower_steady_deadline::{
    AttemptFuture, AttemptTimeout, AttemptTimeoutBuilder, AttemptTimeoutLayer, DeadlineBuilder,
    DeadlineFuture, DeadlineLayer, DeadlineService, ResponseBody, after,
};

type Inner = std::future::Ready<Result<Response<Body>, BoxError>>;

assert_impl_all!(DeadlineLayer: Clone, Send, Sync, Debug, Default);
assert_impl_all!(DeadlineBuilder: Clone, Send, Sync, Debug);
assert_impl_all!(DeadlineService<()>: Clone, Send, Sync, Debug, Unpin);
assert_impl_all!(DeadlineFuture<Inner>: Send, Debug, Future);
assert_impl_all!(DeadlineFuture<std::future::Pending<()>>: Sync);
assert_impl_all!(AttemptTimeoutLayer: Copy, Send, Sync, Debug, Default);
assert_impl_all!(AttemptTimeoutBuilder: Clone, Send, Sync, Debug);
assert_impl_all!(AttemptTimeout<()>: Clone, Send, Sync, Debug, Unpin);
assert_impl_all!(AttemptFuture<Inner>: Send, Debug, Future);
assert_impl_all!(ResponseBody<Full<bytes::Bytes>>: Send, Sync, Debug, Unpin);
assert_impl_all!(ResponseBody<Body>: Send, Debug, Unpin);
// A body that is not Unpin itself makes its wrapper so, and nothing else does.
assert_not_impl_any!(ResponseBody<std::marker::PhantomPinned>: Unpin);
assert_not_impl_any!(ResponseBody<Rc<()>>: Send);
assert_not_impl_any!(DeadlineService<Rc<()>>: Send);

fn stack() -> ServiceBuilder<Stack<AttemptTimeoutLayer, Stack<DeadlineLayer, Identity>>> {
    ServiceBuilder::new()
        .layer(
            DeadlineLayer::builder()
                .timeout(Duration::from_secs(10))
                .build()
                .unwrap(),
        )
        .layer(AttemptTimeoutLayer::new())
}

#[tokio::test(start_paused = true)]
async fn the_stack_fits_boxes_axum_routes_and_bodies_that_are_not_send() {
    let echo = service_fn(|request: Request<Body>| async {
        Ok::<_, BoxError>(Response::new(request.into_body()))
    });
    let boxed = tower::util::BoxCloneSyncService::new(stack().service(echo));
    let response = boxed.oneshot(Request::new(Body::from("x"))).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "x"
    );

    let local = service_fn(|_: Request<Rc<()>>| async {
        Ok::<_, BoxError>(Response::new(Full::new(bytes::Bytes::new())))
    });
    let response = stack().service(local).oneshot(Request::new(Rc::new(())));
    assert!(response.await.unwrap().body().is_end_stream());
}

/// Readiness is the inner service's own: nothing is reserved, nothing swallowed.
#[test]
fn readiness_and_its_errors_pass_through() {
    #[derive(Clone)]
    struct Unready(Rc<Cell<u32>>);
    impl Service<Request<()>> for Unready {
        type Response = Response<String>;
        type Error = BoxError;
        type Future = std::future::Pending<Result<Response<String>, BoxError>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            self.0.set(self.0.get() + 1);
            match self.0.get() {
                1 => Poll::Pending,
                2 => Poll::Ready(Ok(())),
                _ => Poll::Ready(Err("broken".into())),
            }
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            pending()
        }
    }
    let polls = Rc::new(Cell::new(0));
    let mut service = stack().service(Unready(Rc::clone(&polls)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_pending());
    assert!(service.poll_ready(&mut cx).is_ready());
    let Poll::Ready(Err(error)) = service.poll_ready(&mut cx) else {
        panic!("swallowed");
    };
    assert_eq!(error.to_string(), "broken");
    assert_eq!(polls.get(), 3);
}

/// A slow call, dropped at each of its polls: the inner call is dropped with it, at once, and the
/// next call is not affected.
#[tokio::test(start_paused = true)]
async fn a_call_may_be_dropped_at_every_poll() {
    struct Live(Arc<AtomicUsize>);
    impl Drop for Live {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let live = Arc::new(AtomicUsize::new(0));
    let service = {
        let live = Arc::clone(&live);
        service_fn(move |_: Request<()>| {
            live.fetch_add(1, Ordering::Relaxed);
            let guard = Live(Arc::clone(&live));
            async move {
                let _guard = guard;
                for _ in 0..4 {
                    tokio::task::yield_now().await;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Ok::<_, BoxError>(Response::new(Full::new(bytes::Bytes::from("done"))))
            }
        })
    };
    let mut service = stack().service(service);
    for polls in 0..12 {
        let mut call = Box::pin(service.ready().await.unwrap().call(Request::new(())));
        let mut finished = false;
        for _ in 0..polls {
            let mut cx = Context::from_waker(Waker::noop());
            if call.as_mut().poll(&mut cx).is_ready() {
                finished = true;
                break;
            }
            tokio::time::advance(Duration::from_millis(700)).await;
        }
        assert_eq!(live.load(Ordering::Relaxed), usize::from(!finished));
        drop(call);
        assert_eq!(live.load(Ordering::Relaxed), 0, "after {polls} polls");
    }
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "done"
    );
}

#[tokio::test(start_paused = true)]
async fn futures_and_bodies_can_be_formatted_whatever_they_hold() {
    struct Opaque;
    let layer = AttemptTimeoutLayer::new();
    let mut service = layer.layer(service_fn(|_: Request<Opaque>| async {
        Ok::<_, BoxError>(Response::new(Body::from("x")))
    }));
    let mut request = Request::new(Opaque);
    request
        .extensions_mut()
        .insert(after(Duration::from_secs(1)));
    let call = pin!(service.call(request));
    assert!(format!("{call:?}").starts_with("AttemptFuture"));
    let response = call.await.unwrap();
    assert!(format!("{:?}", response.body()).starts_with("ResponseBody"));
    let mut body = response.into_body();
    let _ = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
}
