//! Streams: held until their first output, then watched to their last byte.

mod common;

use std::time::Duration;

use common::{JSON, SSE, Step, answer, call, frames, outcome, scripted, stream};
use http_body::Body;
use tokio::time::Instant;
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::{Class, Outcome};

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
    let gemini_end = "data: {\"candidates\":[{\"content\":{},\"finishReason\":\"STOP\"}]}\r\n\r\n";
    let gemini_usage = "data: {\"usageMetadata\":{\"totalTokenCount\":3}}\r\n\r\n";
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
            "candidates that are not finished",
            &[gemini],
            Class::Transport,
        ),
        (
            "candidates that are",
            &[gemini, gemini_end, gemini_usage],
            Class::Success,
        ),
        (
            "no terminal event is known for it",
            &["data: {\"text\":\"Hi\"}\n\n"],
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
