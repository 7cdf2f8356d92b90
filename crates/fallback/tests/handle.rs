//! What an operator sees of a fallback.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_steady_core::BoxError;
use tower_steady_fallback::{FallbackLayer, FallbackSnapshot, LastGood, Queue};

type Body = Full<Bytes>;

/// Two good answers are kept, of which one is given twice; one call is queued, and the next finds the
/// queue full.
async fn fallback() -> FallbackSnapshot {
    let question = |request: &Request<Body>| Some(request.uri().path().to_owned());
    let last_good = LastGood::builder().build(question).unwrap();
    let (sender, _queue) = tokio::sync::mpsc::channel(1);
    let layer = FallbackLayer::new(last_good).or(Queue::new(sender));
    let handle = layer.handle();
    let mut service = layer.layer(service_fn(|request: Request<Body>| {
        let status = if request.headers().is_empty() {
            503
        } else {
            200
        };
        let answer = Response::builder().status(status).body(Body::default());
        std::future::ready(answer.map_err(BoxError::from))
    }));
    for (path, up) in [
        ("/a", true),
        ("/b", true),
        ("/a", false),
        ("/a", false),
        ("/c", false),
        ("/c", false),
    ] {
        let mut request = Request::get(path);
        if up {
            request = request.header("up", "1");
        }
        let request = request.body(Body::default()).unwrap();
        let answer = service.ready().await.unwrap().call(request).await;
        answer.unwrap().into_body().collect().await.unwrap();
    }
    handle.snapshot()
}

#[tokio::test(start_paused = true)]
async fn it_shows_who_answered_how_often_and_what_is_kept() {
    let seen = fallback().await;
    assert_eq!((seen.degraded, seen.unanswered, seen.kept), (3, 1, 2));
    let sources = seen.sources.iter();
    let sources: Vec<_> = sources.map(|one| (&*one.name, one.answered)).collect();
    assert_eq!(sources, [("last-good", 2), ("queue", 1)]);
}

#[cfg(feature = "serde")]
#[tokio::test(start_paused = true)]
async fn it_is_plain_json() {
    assert_eq!(
        serde_json::to_value(fallback().await).unwrap(),
        serde_json::json!({
            "degraded": 3,
            "unanswered": 1,
            "kept": 2,
            "sources": [
                { "name": "last-good", "answered": 2 },
                { "name": "queue", "answered": 1 },
            ],
        })
    );
}
