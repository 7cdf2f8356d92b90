//! The events, as the front page lists them, and the cry for help when a key is refused.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Step, answer, call, frames, scripted};
use http::{Request, Response};
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::{BoxError, Class, Outcome};
use tower_steady_testkit::{Capture, Captured, EventTable};
use tracing::Level;

const OURS: &str = "tower_steady_classify";
const REFUSED: &str = r#"{"error":{"code":"invalid_api_key","message":"Wrong key: sk-secret"}}"#;

fn refusal() -> http::response::Builder {
    Response::builder()
        .status(401)
        .header("content-type", "application/json")
        .header("x-request-id", "req_7")
        .header("set-cookie", "sk-secret")
}

async fn errors(layer: &ClassifyLayer, response: http::response::Builder) -> Vec<Captured> {
    let capture = Capture::start();
    let (body, _) = scripted([Step::data(REFUSED)]);
    let answer = call(layer, response.body(body).unwrap()).await;
    assert_eq!(Outcome::class_of(&answer), Class::Auth);
    assert!(!capture.text().contains("secret"), "{}", capture.text());
    capture.at(Level::ERROR)
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_an_error_of_its_own() {
    let layer = ClassifyLayer::new();
    let told = errors(&layer, refusal()).await;
    let [told] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(
        told.to_string(),
        format!(
            "ERROR {OURS} authentication failed class=auth status=401 rule={} request_id=req_7",
            told.field("rule").unwrap()
        )
    );
    // The server wants it tried again: whoever does has the last word.
    let again = refusal().header("x-should-retry", "true");
    assert_eq!(errors(&layer, again).await.len(), 0);
    // The same in gRPC's words, in the head.
    let grpc = Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", "16");
    assert_eq!(errors(&layer, grpc).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_classifiers_the_inner_one_tells() {
    let capture = Capture::start();
    let answer = ServiceBuilder::new()
        .layer(ClassifyLayer::new())
        .layer(ClassifyLayer::new())
        .service(service_fn(|_: Request<()>| async {
            refusal().body(Full::new(Bytes::from_static(REFUSED.as_bytes())))
        }))
        .oneshot(Request::new(()))
        .await;
    assert_eq!(Outcome::class_of(&answer), Class::Auth);
    assert_eq!(capture.at(Level::ERROR).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_front_page_lists_every_event_with_its_fields() {
    let capture = Capture::start();
    let layer = ClassifyLayer::new();
    let wait = r#"{"error":{"code":"rate_limit_exceeded","message":"Please try again in 20s."}}"#;
    let (body, _) = scripted([Step::data(wait)]);
    let limited = Response::builder()
        .status(429)
        .header("x-request-id", "req_8");
    let _ = call(&layer, limited.body(body).unwrap()).await;
    let (body, _) = scripted([Step::data(REFUSED)]);
    let _ = call(&layer, refusal().body(body).unwrap()).await;

    let broken = layer_over_an_error();
    assert!(broken.await.is_err());

    // Output, then an error that nobody can undo: the key has run out meanwhile.
    let (body, _) = scripted([
        Step::data("data: {\"choices\":[{\"delta\":{\"content\":\"sk-secret\"}}]}\n\n"),
        Step::Wait(Duration::from_secs(1)),
        Step::data(
            "data: {\"error\":{\"code\":\"invalid_api_key\",\"message\":\"sk-secret\"}}\n\n",
        ),
    ]);
    let stream = call(&layer, answer(200, "text/event-stream", body)).await;
    frames(stream.unwrap().into_body()).await;
    let errors = capture.at(Level::ERROR);
    assert_eq!(errors.len(), 2, "{}", capture.text());

    let table = EventTable::parse(include_str!("../src/lib.rs"));
    assert_eq!(table.differences(&capture.from(OURS)), [""; 0]);
    assert!(!capture.text().contains("secret"), "{}", capture.text());
}

async fn layer_over_an_error() -> Result<(), BoxError> {
    let service = service_fn(|_: Request<()>| async {
        Err::<Response<Full<Bytes>>, BoxError>("sk-secret refused".into())
    });
    let layered = ServiceBuilder::new()
        .layer(ClassifyLayer::new())
        .service(service);
    layered.oneshot(Request::new(())).await.map(drop)
}
