//! The layer from outside: what a caller gets, when, and what is noted on it.

mod common;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use common::{Step, answer, call, frames, scripted};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_steady_classify::{Classifier, ClassifyLayer, Facts, UserRule};
use tower_steady_core::{BoxError, Class, Failure, Outcome, StreamOutcome, Veto, VetoReason};

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";
const QUOTA: &str = r#"{"error":{"code":"insufficient_quota","message":"pay"}}"#;

fn outcome<B>(response: &Response<B>) -> &Outcome {
    response.extensions().get().expect("a note")
}

fn stream<B>(response: &Response<B>) -> StreamOutcome {
    response
        .extensions()
        .get::<StreamOutcome>()
        .expect("a stream's cell")
        .clone()
}

#[tokio::test(start_paused = true)]
async fn success_passes_without_a_note_or_a_look() {
    for (status, content_type) in [
        (200, "text/plain"),
        (200, "audio/mpeg"),
        (204, JSON),
        (302, JSON),
    ] {
        let (body, _) = scripted([Step::Hang]);
        let response = call(&ClassifyLayer::new(), answer(status, content_type, body))
            .await
            .unwrap();
        assert!(response.extensions().is_empty(), "{status} {content_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn error_body_is_read_to_its_end_and_frees_its_connection() {
    let (body, dropped) = scripted([
        Step::data(&QUOTA[..10]),
        Step::Wait(Duration::from_millis(500)),
        Step::data(&QUOTA[10..]),
    ]);
    let response = call(&ClassifyLayer::new(), answer(429, JSON, body))
        .await
        .unwrap();
    let note = outcome(&response);
    assert_eq!(note.class, Class::QuotaExhausted);
    assert!(note.whole && !note.transient && note.sent);
    assert!(
        dropped.yet(),
        "the inner body is gone before the caller reads"
    );
    assert_eq!(
        response.body().size_hint().exact(),
        Some(QUOTA.len() as u64)
    );
    assert_eq!(
        frames(response.into_body()).await,
        [&QUOTA[..10], &QUOTA[10..]]
    );
}

#[tokio::test(start_paused = true)]
async fn slow_error_body_holds_the_caller_no_longer_than_the_limit() {
    let (body, dropped) = scripted([
        Step::data("{\"error\":"),
        Step::Wait(Duration::from_secs(60)),
        Step::data("\"late\"}"),
    ]);
    let start = Instant::now();
    let response = call(&ClassifyLayer::new(), answer(503, JSON, body))
        .await
        .unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(outcome(&response).class, Class::Overloaded);
    assert!(!outcome(&response).whole);
    assert!(!dropped.yet());
    assert_eq!(
        frames(response.into_body()).await,
        ["{\"error\":", "\"late\"}"]
    );
}

#[tokio::test(start_paused = true)]
async fn hanging_error_body_holds_the_caller_no_longer_than_the_limit() {
    let (body, _) = scripted([Step::Hang]);
    let layer = ClassifyLayer::builder()
        .time_limit(Duration::from_millis(50))
        .build()
        .unwrap();
    let start = Instant::now();
    let response = call(&layer, answer(500, JSON, body)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(50));
    assert_eq!(outcome(&response).class, Class::ServerError);
}

#[tokio::test(start_paused = true)]
async fn endless_error_body_is_read_up_to_the_limit_and_then_handed_on() {
    let chunk = "x".repeat(1000);
    let steps = (0..200).map(|_| Step::Data(chunk.clone().into()));
    let (body, _) = scripted(steps);
    let response = call(&ClassifyLayer::new(), answer(500, JSON, body))
        .await
        .unwrap();
    assert!(!outcome(&response).whole);
    let frames = frames(response.into_body()).await;
    assert_eq!(frames.len(), 200);
    assert!(frames.iter().all(|frame| *frame == chunk));
}

#[tokio::test(start_paused = true)]
async fn endless_empty_frames_do_not_hold_the_caller() {
    let steps = (0..100_000).map(|_| Step::data(""));
    let (body, _) = scripted(steps);
    let response = call(&ClassifyLayer::new(), answer(500, JSON, body))
        .await
        .unwrap();
    assert!(!outcome(&response).whole);
}

#[tokio::test(start_paused = true)]
async fn broken_error_body_gives_what_arrived_and_then_its_error() {
    let (body, _) = scripted([Step::data(QUOTA), Step::Break]);
    let response = call(&ClassifyLayer::new(), answer(429, JSON, body))
        .await
        .unwrap();
    // All that matters had arrived.
    assert_eq!(outcome(&response).class, Class::QuotaExhausted);
    assert!(!outcome(&response).whole);
    assert_eq!(frames(response.into_body()).await, [QUOTA, "error: broken"]);
}

#[tokio::test(start_paused = true)]
async fn body_says_that_it_is_at_its_end_when_all_of_it_has_been_handed_on() {
    for (steps, frames) in [
        (vec![Step::data(QUOTA)], 1),
        (vec![Step::data(&QUOTA[..10]), Step::data(&QUOTA[10..])], 2),
        (vec![Step::data(QUOTA), Step::Trailers(HeaderMap::new())], 2),
        (vec![Step::data(QUOTA), Step::Break], 2),
    ] {
        let told = format!("{steps:?}");
        let (body, _) = scripted(steps);
        let response = call(&ClassifyLayer::new(), answer(429, JSON, body)).await;
        let mut body = Box::pin(response.unwrap().into_body());
        for _ in 0..frames {
            assert!(!body.is_end_stream(), "{told}");
            body.frame().await.expect("a frame or an error").ok();
        }
        assert!(body.is_end_stream(), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_of_an_error_come_after_its_body() {
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())]);
    let (body, _) = scripted([Step::data("{}"), Step::Trailers(trailers)]);
    let response = call(&ClassifyLayer::new(), answer(500, JSON, body))
        .await
        .unwrap();
    assert_eq!(
        frames(response.into_body()).await,
        ["{}", "{\"x-sum\": \"1\"}"]
    );
}

#[tokio::test(start_paused = true)]
async fn json_success_may_be_an_error_and_is_noted_as_one() {
    let error = r#"{"error":{"code":502,"message":"upstream"},"user_id":"u"}"#;
    let (body, dropped) = scripted([Step::data(error)]);
    let response = call(&ClassifyLayer::new(), answer(200, JSON, body))
        .await
        .unwrap();
    assert_eq!(outcome(&response).class, Class::ServerError);
    assert!(outcome(&response).whole && dropped.yet());

    let layer = ClassifyLayer::builder().json_look(false).build().unwrap();
    let (body, _) = scripted([Step::data(error)]);
    let response = call(&layer, answer(200, JSON, body)).await.unwrap();
    assert!(response.extensions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn json_success_in_one_piece_is_told_from_an_error_and_handed_on_as_it_came() {
    let many = "x".repeat(8 * 1024);
    let long = format!(r#"{{"text":"{many}","error":"late"}}"#);
    let wordy = format!(r#"{{"error":{{"message":"{many}","code":529}}}}"#);
    let job = format!(r#"{{"object":"fine_tuning.job","error":{{"message":"{many}"}}}}"#);
    for (body, class) in [
        (r#"{"text":"hello"}"#, None),
        (r#"{"text":"\"error\": \"no\"","error":null}"#, None),
        ("not JSON", None),
        (
            r#" {"id":"x","error":{"code":502}}"#,
            Some(Class::ServerError),
        ),
        (
            r#"{"error":"Overloaded","code":529}"#,
            Some(Class::Overloaded),
        ),
        (long.as_str(), None),
        (wordy.as_str(), Some(Class::Overloaded)),
        (job.as_str(), None),
    ] {
        let whole = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let response = ClassifyLayer::new()
            .layer(service_fn(async |_: Request<()>| {
                let head = Response::builder().header("content-type", JSON);
                Ok::<_, BoxError>(head.body(whole.clone()).unwrap())
            }))
            .oneshot(Request::new(()))
            .await
            .unwrap();
        let note = response.extensions().get::<Outcome>();
        assert_eq!(note.map(|note| note.class), class, "{body}");
        let answer = response.into_body();
        assert!(!answer.is_end_stream());
        assert_eq!(answer.size_hint().exact(), Some(body.len() as u64));
        let mut answer = std::pin::pin!(answer);
        let frame = answer.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), body);
        assert!(answer.is_end_stream());
        assert_eq!(answer.size_hint().exact(), Some(0));
        assert!(answer.frame().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn json_success_is_passed_on_at_its_first_sign_of_an_answer() {
    let start = r#"{"id":"x","choices":[{"message":{"content":"{\"error\":1}"#;
    let (body, _) = scripted([Step::data(start), Step::Hang]);
    let begun = Instant::now();
    let response = call(&ClassifyLayer::new(), answer(200, JSON, body))
        .await
        .unwrap();
    assert!(response.extensions().is_empty());
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn json_success_that_breaks_before_the_caller_has_it_is_a_broken_transport() {
    let (body, _) = scripted([Step::data("{\"id\":"), Step::Break]);
    let response = call(&ClassifyLayer::new(), answer(200, JSON, body))
        .await
        .unwrap();
    let note = outcome(&response);
    assert_eq!(
        (note.class, note.transient, note.sent),
        (Class::Transport, true, true)
    );
    assert_eq!(
        frames(response.into_body()).await,
        ["{\"id\":", "error: broken"]
    );
}

const CREATED: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"error\":null}}\n\n";
const FAILED: &str = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
const HELLO: &str = "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";
const ROLE: &str = "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[tokio::test(start_paused = true)]
async fn stream_that_fails_before_output_is_an_outcome() {
    let (body, dropped) = scripted([
        Step::data(": ping\n\n"),
        Step::data(CREATED),
        Step::Wait(Duration::from_secs(300)),
        Step::data(FAILED),
    ]);
    let response = call(&ClassifyLayer::new(), answer(200, SSE, body))
        .await
        .unwrap();
    let note = outcome(&response);
    assert_eq!(
        (note.class, note.transient, note.whole),
        (Class::Overloaded, true, true)
    );
    assert_eq!(
        stream(&response).verdict().unwrap().class,
        Class::Overloaded
    );
    assert!(!stream(&response).has_output());
    assert!(dropped.yet());
    assert_eq!(
        frames(response.into_body()).await,
        [": ping\n\n", CREATED, FAILED]
    );
}

#[tokio::test(start_paused = true)]
async fn stream_is_passed_on_at_its_first_output_and_watched_to_its_end() {
    let (body, _) = scripted([
        Step::data(ROLE),
        Step::Wait(Duration::from_secs(7)),
        Step::data(HELLO),
        Step::Wait(Duration::from_secs(1)),
        Step::data(HELLO),
        Step::data(DONE),
        Step::Hang,
    ]);
    let begun = Instant::now();
    let response = call(&ClassifyLayer::new(), answer(200, SSE, body))
        .await
        .unwrap();
    assert_eq!(
        begun.elapsed(),
        Duration::from_secs(7),
        "a chunk with a role alone is no output"
    );
    assert!(response.extensions().get::<Outcome>().is_none());
    let cell = stream(&response);
    assert!(cell.has_output() && cell.verdict().is_none());

    let mut body = Box::pin(response.into_body());
    for expected in [ROLE, HELLO, HELLO, DONE] {
        assert!(cell.verdict().is_none());
        let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), expected);
    }
    // Callers stop at the terminal event; the connection may hang on.
    assert_eq!(cell.verdict().unwrap().class, Class::Success);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_ahead_of_the_caller() {
    let (body, inner) = scripted([CREATED, HELLO, HELLO, HELLO, DONE].map(Step::data));
    let response = call(&ClassifyLayer::new(), answer(200, SSE, body))
        .await
        .unwrap();
    let mut body = Box::pin(response.into_body());
    // What was held is given out first; then one frame is taken for one that is asked for.
    for taken in [2, 2, 3, 4, 5] {
        let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        assert!(frame.unwrap().is_ok());
        assert_eq!(inner.taken(), taken);
    }
}

#[tokio::test(start_paused = true)]
async fn late_error_reaches_the_cell_and_not_the_note() {
    let (body, _) = scripted([Step::data(HELLO), Step::data(FAILED)]);
    let response = call(&ClassifyLayer::new(), answer(200, SSE, body))
        .await
        .unwrap();
    assert!(response.extensions().get::<Outcome>().is_none());
    let cell = stream(&response);
    assert_eq!(frames(response.into_body()).await, [HELLO, FAILED]);
    assert_eq!(cell.verdict().unwrap().class, Class::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn output_commits_even_where_an_error_comes_in_the_same_chunk() {
    let both = format!("{HELLO}{FAILED}");
    let (body, _) = scripted([Step::Data(both.clone().into())]);
    let response = call(&ClassifyLayer::new(), answer(200, SSE, body))
        .await
        .unwrap();
    assert!(response.extensions().get::<Outcome>().is_none());
    let cell = stream(&response);
    assert!(cell.has_output());
    assert_eq!(cell.verdict().unwrap().class, Class::Overloaded);
    assert_eq!(frames(response.into_body()).await, [both]);
}

#[tokio::test(start_paused = true)]
async fn reset_in_an_event_is_measured_against_the_responses_own_date() {
    let event = "data: {\"error\":{\"type\":\"usage_limit_reached\",\"resets_at\":1696004827}}\n\n";
    for content_type in [SSE, JSON] {
        let (body, _) = scripted([Step::data(event)]);
        let mut response = answer(200, content_type, body);
        let date = "Fri, 29 Sep 2023 16:26:37 GMT".parse().unwrap();
        response.headers_mut().insert("date", date);
        let response = call(&ClassifyLayer::new(), response).await.unwrap();
        assert_eq!(outcome(&response).wait, Some(Duration::from_secs(30)));
    }
}

#[tokio::test(start_paused = true)]
async fn event_stream_that_is_called_json_is_followed_all_the_same() {
    for (parts, class) in [
        (&[&FAILED[..3], &FAILED[3..]][..], Some(Class::Overloaded)),
        (&[FAILED], Some(Class::Overloaded)),
        (&[": ping\n\n", CREATED, FAILED], Some(Class::Overloaded)),
        (&[HELLO, FAILED], None),
    ] {
        let (body, _) = scripted(parts.iter().map(|part| Step::data(part)));
        let response = call(&ClassifyLayer::new(), answer(200, JSON, body))
            .await
            .unwrap();
        let note = response.extensions().get::<Outcome>();
        assert_eq!(note.map(|note| note.class), class, "{parts:?}");
        assert_eq!(frames(response.into_body()).await, parts);
    }
}

#[tokio::test(start_paused = true)]
async fn stream_that_ends_early_is_told_from_one_that_is_complete() {
    let finish = "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let gemini = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}\r\n\r\n";
    let anthropic = "event: message_start\ndata: {\"type\":\"message_start\"}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"x\"}}\n\n";
    let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    for (name, parts, class) in [
        ("cut after a chunk", &[HELLO][..], Class::Transport),
        (
            "a finish reason and no [DONE]",
            &[HELLO, finish],
            Class::Success,
        ),
        ("[DONE]", &[HELLO, DONE], Class::Success),
        (
            "no terminal event is known for it",
            &[gemini, gemini],
            Class::Success,
        ),
        ("a message without its stop", &[anthropic], Class::Transport),
        ("a message with it", &[anthropic, stop], Class::Success),
        (
            "the last line not closed",
            &[HELLO, "data: [DONE]"],
            Class::Success,
        ),
    ] {
        let (body, _) = scripted(parts.iter().map(|part| Step::data(part)));
        let response = call(&ClassifyLayer::new(), answer(200, SSE, body))
            .await
            .unwrap();
        let cell = stream(&response);
        frames(response.into_body()).await;
        assert_eq!(cell.verdict().unwrap().class, class, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn stream_broken_before_or_after_output() {
    for (parts, noted) in [(&[CREATED][..], true), (&[HELLO], false)] {
        let mut steps: Vec<_> = parts.iter().map(|part| Step::data(part)).collect();
        steps.push(Step::Break);
        let (body, _) = scripted(steps);
        let response = call(&ClassifyLayer::new(), answer(200, SSE, body))
            .await
            .unwrap();
        assert_eq!(response.extensions().get::<Outcome>().is_some(), noted);
        let cell = stream(&response);
        let frames = frames(response.into_body()).await;
        assert_eq!(frames.last().unwrap(), "error: broken");
        assert_eq!(cell.verdict().unwrap().class, Class::Transport);
    }
}

#[tokio::test(start_paused = true)]
async fn max_hold_lets_a_quiet_stream_go() {
    let layer = ClassifyLayer::builder()
        .max_hold(Duration::from_secs(3))
        .build()
        .unwrap();
    let (body, _) = scripted([
        Step::data(": ping\n\n"),
        Step::Wait(Duration::from_secs(60)),
        Step::data(FAILED),
    ]);
    let begun = Instant::now();
    let response = call(&layer, answer(200, SSE, body)).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    assert!(response.extensions().get::<Outcome>().is_none());
    let cell = stream(&response);
    assert_eq!(frames(response.into_body()).await, [": ping\n\n", FAILED]);
    assert_eq!(cell.verdict().unwrap().class, Class::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn max_hold_of_a_stream_that_is_called_json_begins_when_that_shows() {
    let layer = ClassifyLayer::builder()
        .time_limit(Duration::from_secs(2))
        .max_hold(Duration::from_secs(3))
        .build()
        .unwrap();
    let (body, _) = scripted([
        Step::Wait(Duration::from_secs(1)),
        Step::data(": ping\n\n"),
        Step::Hang,
    ]);
    let begun = Instant::now();
    let response = call(&layer, answer(200, JSON, body)).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(4));
    assert!(response.extensions().get::<Outcome>().is_none());
}

#[tokio::test(start_paused = true)]
async fn ndjson_error_and_end_are_seen() {
    let hello = "{\"model\":\"m\",\"message\":{\"content\":\"Hi\"},\"done\":false}\n";
    let done = "{\"model\":\"m\",\"done\":true}\n";
    let error = "{\"error\":\"an error was encountered while running the model\"}\n";
    for (parts, noted, class) in [
        (&[error][..], Some(Class::ServerError), Class::ServerError),
        (&[hello, done], None, Class::Success),
        (&[hello, error], None, Class::ServerError),
        (&[hello], None, Class::Transport),
    ] {
        let (body, _) = scripted(parts.iter().map(|part| Step::data(part)));
        let response = call(
            &ClassifyLayer::new(),
            answer(200, "application/x-ndjson", body),
        )
        .await
        .unwrap();
        assert_eq!(
            response.extensions().get().map(|note: &Outcome| note.class),
            noted
        );
        let cell = stream(&response);
        frames(response.into_body()).await;
        assert_eq!(cell.verdict().unwrap().class, class, "{parts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn grpc_status_counts_in_the_head_and_in_the_trailers() {
    let status = |code: &str| {
        HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())])
    };
    let grpc = "application/grpc";

    let (body, _) = scripted([]);
    let mut refused = answer(200, grpc, body);
    refused.headers_mut().extend(status("8"));
    refused
        .headers_mut()
        .insert("grpc-message", "slow%20down".parse().unwrap());
    let response = call(&ClassifyLayer::new(), refused).await.unwrap();
    assert_eq!(outcome(&response).class, Class::RateLimited);

    for (steps, noted, class) in [
        (
            vec![Step::Trailers(status("14"))],
            Some(Class::Overloaded),
            Class::Overloaded,
        ),
        (
            vec![Step::data("message"), Step::Trailers(status("0"))],
            None,
            Class::Success,
        ),
        (
            vec![Step::data("message"), Step::Trailers(status("14"))],
            None,
            Class::Overloaded,
        ),
        (
            vec![Step::data("message"), Step::Trailers(status("x"))],
            None,
            Class::ServerError,
        ),
        (
            vec![Step::data("message"), Step::Trailers(HeaderMap::new())],
            None,
            Class::Transport,
        ),
        // By hand, and so final: who cancelled does not want it again.
        (
            vec![Step::Trailers(status("1"))],
            Some(Class::ServerError),
            Class::ServerError,
        ),
        (vec![Step::data("message")], None, Class::Transport),
        (vec![], Some(Class::Transport), Class::Transport),
    ] {
        let told = format!("{steps:?}");
        let (body, _) = scripted(steps);
        let response = call(&ClassifyLayer::new(), answer(200, grpc, body))
            .await
            .unwrap();
        assert_eq!(
            response.extensions().get().map(|note: &Outcome| note.class),
            noted,
            "{told}"
        );
        let cell = stream(&response);
        frames(response.into_body()).await;
        assert_eq!(cell.verdict().unwrap().class, class, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn grpc_status_says_whether_another_try_may_help() {
    // From google/rpc/code.proto; those that are final whatever the HTTP status beside them says.
    for (code, transient) in [
        ("1", false),
        ("6", false),
        ("15", false),
        ("10", true),
        ("13", true),
        ("14", true),
    ] {
        let (body, _) = scripted([]);
        let mut refused = answer(200, "application/grpc", body);
        let headers = refused.headers_mut();
        headers.insert("grpc-status", code.parse().unwrap());
        let response = call(&ClassifyLayer::new(), refused).await.unwrap();
        assert_eq!(outcome(&response).transient, transient, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn error_without_a_response_gets_its_outcome_and_stays_reachable() {
    let service = service_fn(|_: Request<()>| async {
        Err::<Response<common::Scripted>, _>(io::Error::from(io::ErrorKind::ConnectionRefused))
    });
    let service = ServiceBuilder::new()
        .layer(ClassifyLayer::new())
        .service(service);
    let error = service.oneshot(Request::new(())).await.unwrap_err();
    let failure = Failure::find(&*error).unwrap();
    assert_eq!(failure.outcome().class, Class::Transport);
    assert!(failure.outcome().transient && !failure.outcome().sent);
    assert!(failure.find_source::<io::Error>().is_some());
}

#[tokio::test(start_paused = true)]
async fn outcome_of_a_layer_further_in_is_left_alone() {
    let service = service_fn(|_: Request<()>| async {
        let veto = Veto::new(VetoReason::Budget);
        let failure = Failure::new(Outcome::rejected(veto), io::Error::other("no"));
        Err::<Response<common::Scripted>, BoxError>(failure.into())
    });
    let error = ClassifyLayer::new()
        .layer(service)
        .oneshot(Request::new(()))
        .await
        .unwrap_err();
    let outcome = Failure::find(&*error).unwrap().outcome();
    assert_eq!(outcome.class, Class::Rejected);
    assert!(outcome.veto.is_some());
}

#[tokio::test(start_paused = true)]
async fn own_rules_come_first_and_built_in_ones_can_be_switched_off() {
    let layer = ClassifyLayer::builder()
        .rule(
            UserRule::new("teapot", Class::Overloaded, |facts: &Facts<'_>| {
                facts.status() == StatusCode::IM_A_TEAPOT && facts.has_id("KETTLE-EMPTY")
            })
            .transient(false),
        )
        .without_rule("quota-code")
        .build()
        .unwrap();
    let (body, _) = scripted([Step::data(r#"{"error":{"code":"kettle_empty"}}"#)]);
    let response = call(&layer, answer(418, JSON, body)).await.unwrap();
    let note = outcome(&response);
    assert_eq!(
        (note.class, note.transient, note.rule),
        (Class::Overloaded, false, Some("teapot"))
    );

    let (body, _) = scripted([Step::data(QUOTA)]);
    let response = call(&layer, answer(429, JSON, body)).await.unwrap();
    assert_eq!(outcome(&response).class, Class::RateLimited);
}

/// The provider is not to blame, and nothing was sent.
#[cfg(feature = "tower")]
#[tokio::test(start_paused = true)]
async fn a_call_that_load_shedding_turned_away_is_rejected_and_not_a_failure() {
    let service = tower::ServiceBuilder::new()
        .layer(ClassifyLayer::new())
        .load_shed()
        .concurrency_limit(1)
        .service(tower::service_fn(|_: Request<()>| {
            std::future::pending::<Result<Response<http_body_util::Empty<Bytes>>, BoxError>>()
        }));
    let mut busy = service.clone();
    let _busy = tower::Service::call(busy.ready().await.unwrap(), Request::new(()));
    let result = service.oneshot(Request::new(())).await;
    let outcome = Outcome::read(&result);
    assert_eq!(outcome.class, Class::Rejected);
    assert!(!outcome.sent && !outcome.may_retry());
}

#[derive(Debug)]
struct Pessimist;

impl Classifier for Pessimist {
    fn response(&self, _: &Facts<'_>) -> Outcome {
        Outcome::new(Class::Unknown)
    }
}

#[tokio::test(start_paused = true)]
async fn the_whole_classifier_can_be_swapped() {
    let layer = ClassifyLayer::builder()
        .classifier(Pessimist)
        .build()
        .unwrap();
    let (body, _) = scripted([]);
    let response = call(&layer, answer(503, JSON, body)).await.unwrap();
    assert_eq!(outcome(&response).class, Class::Unknown);
}

#[test]
fn bad_configuration_is_refused_by_name() {
    let builder = ClassifyLayer::builder;
    for (field, layer) in [
        (
            "without_rule",
            builder().without_rule("no-such-rule").build(),
        ),
        ("look_limit", builder().look_limit(0).build()),
        ("look_limit", builder().look_limit(usize::MAX).build()),
        ("time_limit", builder().time_limit(Duration::ZERO).build()),
        ("time_limit", builder().time_limit(Duration::MAX).build()),
        ("max_hold", builder().max_hold(Duration::ZERO).build()),
    ] {
        assert_eq!(layer.unwrap_err().field(), field);
    }
}
