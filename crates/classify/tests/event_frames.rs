//! AWS event streams, as Bedrock's two streaming calls send them, in the frames of AWS's own library.

mod common;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use common::{Step, answer, call, outcome, scripted, stream};
use http_body_util::BodyExt;
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::{Class, Outcome};

fn frame(headers: &[(&'static str, &'static str)], payload: String) -> Vec<u8> {
    let message = headers
        .iter()
        .fold(Message::new(payload), |message, (name, value)| {
            message.add_header(Header::new(*name, HeaderValue::String((*value).into())))
        });
    let mut frame = Vec::new();
    write_message_to(&message, &mut frame).unwrap();
    frame
}

fn event(name: &'static str, payload: &str) -> Vec<u8> {
    let headers = [(":message-type", "event"), (":event-type", name)];
    frame(&headers, payload.to_owned())
}

/// An event of the model itself, as `InvokeModelWithResponseStream` wraps it.
fn chunk(inner: &str) -> Vec<u8> {
    let bytes = STANDARD.encode(inner);
    event("chunk", &format!(r#"{{"bytes":"{bytes}","p":"abc"}}"#))
}

fn exception(name: &'static str) -> Vec<u8> {
    let headers = [(":message-type", "exception"), (":exception-type", name)];
    frame(&headers, r#"{"message":"Sorry."}"#.to_owned())
}

/// A message, its start, some of its text and its end, of the models and of the Converse call.
fn messages() -> [[Vec<u8>; 3]; 2] {
    [
        [
            chunk(r#"{"type":"message_start","message":{"content":[]}}"#),
            chunk(r#"{"type":"content_block_delta","delta":{"text":"Hi"}}"#),
            chunk(r#"{"type":"message_stop"}"#),
        ],
        [
            event("messageStart", r#"{"role":"assistant"}"#),
            event("contentBlockDelta", r#"{"delta":{"text":"Hi"}}"#),
            event("messageStop", r#"{"stopReason":"end_turn"}"#),
        ],
    ]
}

/// What is noted at the head, and what the stream comes to. Every frame arrives in pieces of `size`.
async fn read(frames: &[&Vec<u8>], size: usize) -> (Option<Outcome>, Class) {
    let bytes: Vec<_> = frames.iter().copied().flatten().copied().collect();
    let pieces = bytes.chunks(size).map(Bytes::copy_from_slice);
    let (body, _) = scripted(pieces.map(Step::Data));
    let answer = answer(200, "application/vnd.amazon.eventstream", body);
    let response = call(&ClassifyLayer::new(), answer).await.unwrap();
    let head = response
        .extensions()
        .get::<Outcome>()
        .is_some()
        .then(|| outcome(&response).clone());
    let cell = stream(&response);
    let read = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(read, bytes, "the caller's bytes");
    (head, cell.verdict().unwrap().class)
}

const SIZES: [usize; 3] = [1, 7, 100_000];

#[tokio::test(start_paused = true)]
async fn exception_before_output_is_an_outcome() {
    for [start, ..] in &messages() {
        for (name, class) in [
            ("throttlingException", Class::RateLimited),
            ("serviceUnavailableException", Class::Overloaded),
            ("modelTimeoutException", Class::Timeout),
            ("validationException", Class::InvalidRequest),
        ] {
            for size in SIZES {
                let (head, end) = read(&[start, &exception(name)], size).await;
                assert_eq!(head.unwrap().class, class, "{name}");
                assert_eq!(end, class, "{name}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn exception_after_output_reaches_the_cell_alone() {
    for [start, text, _] in &messages() {
        for size in SIZES {
            let throttled = exception("throttlingException");
            let (head, end) = read(&[start, text, &throttled], size).await;
            assert_eq!((head.is_none(), end), (true, Class::RateLimited));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn stream_is_complete_with_its_last_event_and_cut_without() {
    for [start, text, stop] in &messages() {
        for size in SIZES {
            let (_, end) = read(&[start, text, stop], size).await;
            assert_eq!(end, Class::Success);
            let (head, end) = read(&[start, text], size).await;
            assert_eq!((head.is_none(), end), (true, Class::Transport));
            let (head, _) = read(&[start], size).await;
            assert_eq!(head.unwrap().class, Class::Transport, "cut before output");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn chunk_that_cannot_be_read_is_output() {
    for payload in [
        "",
        "[]",
        r#"{"bytes":5}"#,
        r#"{"bytes":"?"}"#,
        r#"{"p":"abc"}"#,
    ] {
        let strange = event("chunk", payload);
        let (head, end) = read(&[&strange], 5).await;
        assert_eq!((head.is_none(), end), (true, Class::Success), "{payload}");
    }
}
