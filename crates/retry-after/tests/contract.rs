//! What the types promise.

use std::fmt::Debug;
use std::time::Duration;

use http::{Request, Response};
use static_assertions::assert_impl_all;
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_steady_core::key::{ByHost, Label};
use tower_steady_retry_after::{
    Pause, PauseBuilder, PauseHandle, PauseLayer, Paused, ResponseFuture, RetryAfter,
    RetryAfterLayer, pause,
};

/// A service like a client: `Clone` and `Send`, with a body that is not `Sync`.
#[derive(Clone, Debug)]
struct Client;

type Body = std::cell::Cell<u8>;
type Answer = std::future::Ready<Result<Response<Body>, BoxError>>;

impl Service<Request<Body>> for Client {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let secret = request.headers().get("authorization").is_some();
        assert!(secret, "requests pass whole");
        std::future::ready(Ok(Response::new(request.into_body())))
    }
}

assert_impl_all!(RetryAfterLayer: Clone, Copy, Debug, Default, Send, Sync);
assert_impl_all!(RetryAfter<Client>: Clone, Debug, Send, Sync);
assert_impl_all!(ResponseFuture<Answer>: Debug, Send);
assert_impl_all!(PauseLayer: Clone, Debug, Default, Send, Sync);
assert_impl_all!(PauseBuilder: Clone, Debug, Send, Sync);
assert_impl_all!(Pause<Client>: Clone, Debug, Send, Sync);
assert_impl_all!(PauseHandle<Label>: Clone, Debug, Send, Sync);
assert_impl_all!(Paused: Clone, std::error::Error, Send, Sync);
assert_impl_all!(pause::ResponseFuture<Answer, Client, Body, Label>: Debug, Send);

fn request() -> Request<Body> {
    Request::get("https://user:secret@API.example:8443/v1")
        .header("authorization", "Bearer secret")
        .body(Body::new(7))
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_printed() {
    let layer = PauseLayer::new();
    let key = Label::new("api.example:8443");
    layer.handle().pause(&key, Duration::from_secs(5));
    let mut service = layer.layer(RetryAfterLayer::new().layer(Client));
    let waiting = service.ready().await.unwrap().call(request());
    for printed in [
        format!("{waiting:?}"),
        format!("{service:?}"),
        format!("{layer:?}"),
        format!("{:?}", layer.handle()),
        format!("{:?}", layer.handle().keys()),
    ] {
        assert!(!printed.contains("secret"), "{printed}");
    }
    assert_eq!(waiting.await.unwrap().into_body().get(), 7);
}

#[test]
fn bad_configuration_is_refused_by_name() {
    type Change = fn(PauseBuilder<ByHost>) -> PauseBuilder<ByHost>;
    let build = |change: Change| {
        change(PauseLayer::builder())
            .build()
            .map_err(|error| error.field())
    };
    let refused: [(&str, Change); 14] = [
        ("max_pause", |b| b.max_pause(Duration::ZERO)),
        ("max_keys", |b| b.max_keys(0)),
        ("idle", |b| b.idle(Duration::ZERO)),
        ("max_waiting", |b| b.max_waiting(0)),
        ("min_rate", |b| b.min_rate(0.0)),
        ("min_rate", |b| b.min_rate(f64::NAN)),
        ("initial_rate", |b| b.initial_rate(f64::INFINITY)),
        ("initial_rate", |b| b.initial_rate(-1.0)),
        ("initial_rate", |b| b.initial_rate(0.001)),
        ("max_rate", |b| b.max_rate(0.5)),
        ("max_rate", |b| b.max_rate(f64::NAN)),
        ("decrease", |b| b.decrease(0.0)),
        ("decrease", |b| b.decrease(1.0)),
        ("decrease", |b| b.decrease(f64::NAN)),
    ];
    for (field, change) in refused {
        assert_eq!(build(change).err(), Some(field));
    }
    assert!(build(|b| b.max_waiting(0).max_wait(Duration::ZERO)).is_ok());
    assert!(
        build(|b| b
            .max_wait(Duration::MAX)
            .max_pause(Duration::MAX)
            .idle(Duration::MAX))
        .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn durations_without_end_do_no_harm() {
    let builder = PauseLayer::builder()
        .max_wait(Duration::MAX)
        .max_pause(Duration::MAX);
    let layer = builder.build().unwrap();
    let key = Label::new("api.example:8443");
    assert!(
        layer
            .handle()
            .pause(&key, tower_steady_core::hint::MAX_WAIT)
    );
    let mut service = layer.layer(RetryAfterLayer::new().layer(Client));
    let waiting = service.ready().await.unwrap().call(request());
    let waited = tokio::time::timeout(Duration::from_secs(3600), waiting).await;
    assert!(waited.is_err(), "it waits still");
}
