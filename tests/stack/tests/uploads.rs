//! Large streamed uploads, sent again. On the real clock: ten megabytes take the kernel some time, and a
//! paused clock would run ahead of it.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body::Frame;
use http_body_util::StreamBody;
use stack::{BoxService, Part, Parts, RequestBody, call};
use tower_steady_backoff_jitter::{Plan, RetryLayer, Schedule};
use tower_steady_core::{BoxError, Class, VetoReason};
use tower_steady_replay_body::ReplayLayer;
use tower_steady_testkit::{Answer, Provider, Server, client, client_h2};

const CHUNK: usize = 64 << 10;
const CHUNKS: usize = 160;
const UPLOAD: usize = CHUNK * CHUNKS;

/// A chunk that is like no other one, so that a body put together wrongly is seen.
fn chunk(index: usize) -> Bytes {
    static NOISE: LazyLock<Bytes> = LazyLock::new(|| {
        let bytes = (0..(CHUNK + CHUNKS) as u32)
            .map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8);
        bytes.collect()
    });
    NOISE.slice(index..index + CHUNK)
}

/// A body that can be read once.
fn upload(server: &Server) -> Request<RequestBody> {
    let chunks = (0..CHUNKS).map(|index| Ok::<_, BoxError>(Frame::data(chunk(index))));
    let body = RequestBody::once(StreamBody::new(stream::iter(chunks)));
    Request::post(server.url()).body(body).unwrap()
}

fn is_whole(body: &[u8]) -> bool {
    body.len() == UPLOAD
        && body
            .chunks(CHUNK)
            .enumerate()
            .all(|(index, part)| part == chunk(index))
}

/// Retries hardly wait here.
fn parts(limit: usize) -> Parts {
    let soon = Plan::new(Schedule::fixed(Duration::from_millis(1)), 3);
    let mut retry = RetryLayer::builder();
    for class in [Class::Overloaded, Class::Transport] {
        retry = retry.plan(class, soon);
    }
    Parts {
        replay: ReplayLayer::with_limit(limit),
        retry: retry.build().unwrap(),
        ..Parts::default()
    }
}

fn stacks(parts: &Parts) -> [(&'static str, BoxService); 2] {
    [
        ("h1", parts.canonical(client())),
        ("h2", parts.canonical(client_h2())),
    ]
}

#[tokio::test]
async fn a_streamed_upload_is_sent_again_after_a_refusal() {
    for (http, stack) in stacks(&parts(UPLOAD)) {
        let provider = Provider::new([Answer::unavailable(), Answer::ok_chat("Hello")]);
        let server = provider.serve().await.unwrap();
        let answered = call(&stack, upload(&server)).await.unwrap();
        assert_eq!(answered.status, 200, "{http}");
        let calls = server.calls();
        assert_eq!(calls.len(), 2, "{http}");
        assert!(calls.iter().all(|call| is_whole(&call.body)), "{http}");
    }
}

#[tokio::test]
async fn a_server_that_answers_before_it_has_read_gets_the_whole_the_next_time() {
    for (read, name) in [(0, "nothing"), (1 << 20, "a megabyte")] {
        for (http, stack) in stacks(&parts(UPLOAD)) {
            let early = Answer::unavailable().after_reading(read);
            let provider = Provider::new([early, Answer::ok_chat("Hello")]);
            let server = provider.serve().await.unwrap();
            let answered = call(&stack, upload(&server)).await.unwrap();
            assert_eq!(answered.status, 200, "{http}, {name} read");
            let calls = server.calls();
            assert_eq!(calls.len(), 2, "{http}, {name} read");
            assert!(!calls[0].whole, "{http}, {name} read");
            assert!(is_whole(&calls[1].body), "{http}, {name} read");
        }
    }
}

#[tokio::test]
async fn an_early_final_answer_reaches_the_caller_of_an_http2_client() {
    // On HTTP/1.1 the server closes with the rest unread, and the reset may overtake the answer.
    let stack = parts(UPLOAD).canonical(client_h2());
    let too_large = Answer::new(413).body("too large").before_body();
    let server = Provider::new(too_large).serve().await.unwrap();
    let answered = call(&stack, upload(&server)).await.unwrap();
    assert_eq!(
        (answered.status.as_u16(), &answered.body[..]),
        (413, &b"too large"[..])
    );
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn an_upload_cut_in_its_middle_is_sent_again() {
    for (name, cut) in [("closed", Answer::closed()), ("reset", Answer::reset())] {
        for (http, stack) in stacks(&parts(UPLOAD)) {
            let provider =
                Provider::new([cut.clone().after_reading(3 << 20), Answer::ok_chat("Hi")]);
            let server = provider.serve().await.unwrap();
            let answered = call(&stack, upload(&server)).await.unwrap();
            assert_eq!(answered.status, 200, "{http}, {name}");
            let calls = server.calls();
            assert_eq!(calls.len(), 2, "{http}, {name}");
            assert!(is_whole(&calls[1].body), "{http}, {name}");
        }
    }
}

#[tokio::test]
async fn an_upload_over_the_limit_goes_through_once() {
    for (http, stack) in stacks(&parts(UPLOAD - 1)) {
        let answer = Answer::unavailable();
        let server = Provider::new(answer.clone()).serve().await.unwrap();
        let answered = call(&stack, upload(&server)).await.unwrap();
        assert_eq!(
            (answered.status, &answered.body),
            (answer.status(), &answer.bytes()),
            "{http}"
        );
        assert_eq!(answered.veto(), Some(VetoReason::NotReplayable), "{http}");
        let calls = server.calls();
        assert_eq!(calls.len(), 1, "{http}");
        assert!(is_whole(&calls[0].body), "{http}: disturbed");
    }
}

#[tokio::test]
async fn without_the_replay_layer_a_stream_goes_through_once() {
    for client in [client(), client_h2()] {
        let stack = parts(0).stack(&Parts::all_but(&[Part::Replay]), client);
        let server = Provider::new(Answer::unavailable()).serve().await.unwrap();
        let answered = call(&stack, upload(&server)).await.unwrap();
        assert_eq!(answered.veto(), Some(VetoReason::NotReplayable));
        let calls = server.calls();
        assert_eq!(calls.len(), 1);
        assert!(is_whole(&calls[0].body));
    }
}
