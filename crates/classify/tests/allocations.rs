//! What a call pays for being looked at.

mod common;

use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use bytes::Bytes;
use common::answer;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_steady_classify::{ClassifyLayer, classify_response};
use tower_steady_core::BoxError;

fn reply(status: u16, content_type: &str, body: &'static [u8]) -> Response<Full<Bytes>> {
    answer(status, content_type, Full::new(Bytes::from_static(body)))
}

/// Allocations of the second of two calls that are answered so.
fn allocations(layer: &ClassifyLayer, answer: impl Fn() -> Response<Full<Bytes>>) -> u64 {
    let mut answers = vec![answer(), answer()];
    let mut service = layer.layer(service_fn(|_: Request<()>| -> Ready<Result<_, BoxError>> {
        ready(Ok(answers.pop().expect("as many calls as answers")))
    }));
    let mut call = || {
        let request = Request::builder().uri("https://api.openai.com/");
        let request = request.body(()).unwrap();
        let mut response = None;
        let made = measure(|| {
            let mut cx = Context::from_waker(Waker::noop());
            match pin!(service.call(request)).poll(&mut cx) {
                Poll::Ready(ready) => response = Some(ready.unwrap()),
                Poll::Pending => panic!("an answer that is there at once"),
            }
        });
        made.count_total
    };
    call();
    call()
}

#[test]
fn a_whole_success_that_is_not_json_allocates_nothing() {
    let layer = ClassifyLayer::new();
    let text = || reply(200, "text/plain", b"hello");
    assert_eq!(allocations(&layer, text), 0, "text");
    let audio = || reply(200, "audio/mpeg", &[0; 512]);
    assert_eq!(allocations(&layer, audio), 0, "audio");
    let nothing = || reply(204, "application/json", b"");
    assert_eq!(allocations(&layer, nothing), 0, "no content");
}

/// The place in which the body is held while it is looked at, and no more: it has one chunk.
#[test]
fn a_json_success_allocates_for_its_body_alone() {
    let json = || {
        reply(
            200,
            "application/json",
            br#"{"choices":[{"text":"hello"}]}"#,
        )
    };
    assert_eq!(allocations(&ClassifyLayer::new(), json), 1);
    let layer = ClassifyLayer::builder().json_look(false).build().unwrap();
    assert_eq!(allocations(&layer, json), 0, "without a look");
}

#[test]
fn an_error_body_is_read_with_at_most_two_allocations() {
    let bodies: [&[u8]; 3] = [
        br#"{"error":{"message":"Rate limit reached. Please try again in 3.272s.","code":"rate_limit_exceeded"}}"#,
        br#"{"error":{"message":"You exceeded your current quota.","type":"insufficient_quota"}}"#,
        br#"[{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}]"#,
    ];
    let classify = |body| {
        let status = StatusCode::TOO_MANY_REQUESTS;
        drop(classify_response(status, &HeaderMap::new(), body, None));
    };
    for body in bodies {
        // The first one ever sets the search for phrases up.
        classify(body);
        let made = measure(|| classify(body)).count_total;
        let text = String::from_utf8_lossy(body);
        assert!(made <= 2, "{made} for {text}");
    }
}
