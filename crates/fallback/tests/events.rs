//! The events, as the front page lists them.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::time::advance;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_steady_core::{BoxError, Failure, Outcome, Veto, VetoReason};
use tower_steady_fallback::{FallbackLayer, LastGood, Queue, Queued, Sink};
use tower_steady_testkit::{Capture, EventTable};

/// Takes nothing, and says too much.
#[derive(Clone)]
struct Closed;

impl Sink<Full<Bytes>> for Closed {
    fn put(&self, _: Queued<Full<Bytes>>) -> Result<(), BoxError> {
        Err("amqp://user:sk-secret@queue is closed".into())
    }
}

#[tokio::test(start_paused = true)]
async fn the_front_page_lists_every_event_with_its_fields() {
    let capture = Capture::start();
    let last_good = LastGood::builder()
        .build(|_: &Request<Full<Bytes>>| Some("key"))
        .unwrap();
    let mut up = true;
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::new(last_good).or(Queue::new(Closed)))
        .service(service_fn(move |_: Request<Full<Bytes>>| {
            let answer = Response::new(Full::new(Bytes::from_static(b"sk-secret")));
            let veto = Outcome::rejected(Veto::new(VetoReason::CircuitOpen));
            let result = if std::mem::take(&mut up) {
                Ok(answer)
            } else {
                Err(BoxError::from(Failure::new(veto, "sk-secret")))
            };
            async { result }
        }));
    for _ in 0..2 {
        let call = service.ready().await.unwrap();
        let answer = tower::Service::call(call, Request::new(Full::default()))
            .await
            .unwrap();
        answer.into_body().collect().await.unwrap();
    }
    // By now it is too old.
    advance(Duration::from_secs(1_000_000)).await;
    let call = service.ready().await.unwrap();
    let answer = tower::Service::call(call, Request::new(Full::default())).await;
    assert!(answer.is_err());

    let table = EventTable::parse(include_str!("../src/lib.rs"));
    let told = capture.from("tower_steady_fallback");
    assert_eq!(table.differences(&told), [""; 0]);
    assert_eq!(told.len(), 3);
    assert!(!capture.text().contains("secret"), "{}", capture.text());
}
