//! The events, as a subscriber sees them.

mod common;

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};
use tower::{Layer, Service, ServiceExt};
use tower_steady_backoff_jitter::{Jitter, RetryLayer};
use tower_steady_core::{Class, VetoReason};
use tower_steady_testkit::{Capture, Captured};
use tracing::Level;

use self::common::*;

type Fields = BTreeMap<String, String>;

/// The events of one call.
async fn events(provider: &Provider) -> Vec<Fields> {
    let capture = Capture::start();
    let layer = RetryLayer::builder().jitter(Jitter::None).build().unwrap();
    let mut request = request();
    let secret = HeaderValue::from_static("Bearer sk-secret");
    request.headers_mut().insert(AUTHORIZATION, secret);
    let _ = call(layer.layer(service(provider)), request).await;
    let mine = warnings(&capture);
    assert!(!capture.text().contains("sk-secret"));
    let event = |event: &Captured| {
        let message = ("message".to_owned(), event.message.clone());
        let own = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
        event.fields.iter().map(own).chain([message]).collect()
    };
    mine.iter().map(event).collect()
}

fn warnings(capture: &Capture) -> Vec<Captured> {
    let mine = capture.from("tower_steady_backoff_jitter").into_iter();
    mine.filter(|told| told.level == Level::WARN).collect()
}

fn fields(expected: &[(&str, &str)]) -> Fields {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    expected.iter().map(own).collect()
}

fn with_id(play: Play) -> Play {
    Box::new(move |request| {
        let mut answer = play(request)?;
        let headers = answer.headers_mut();
        headers.insert("x-request-id", HeaderValue::from_static("req_7"));
        let cookie = HeaderName::from_static("set-cookie");
        headers.insert(cookie, HeaderValue::from_static("sk-secret"));
        Ok(answer)
    })
}

#[tokio::test(start_paused = true)]
async fn every_retry_is_one_warning() {
    let first = with_id(wait(429, Duration::from_millis(1_500)));
    let provider = Provider::script([first, error(Class::Transport, true)]);
    let events = events(&provider).await;
    let expected = [
        fields(&[
            ("message", "retrying"),
            ("class", "rate_limited"),
            ("status", "429"),
            ("attempt", "1"),
            ("wait_ms", "1500"),
            ("request_id", "req_7"),
            ("repaired", "false"),
        ]),
        fields(&[
            ("message", "retrying"),
            ("class", "transport"),
            ("attempt", "2"),
            ("wait_ms", "1000"),
            ("repaired", "false"),
        ]),
    ];
    assert_eq!(events, expected);
}

#[tokio::test(start_paused = true)]
async fn giving_up_is_one_warning_with_the_reason() {
    let provider = Provider::script([with_id(bare(503)), bare(503), with_id(bare(503))]);
    let all = events(&provider).await;
    assert_eq!(all.len(), 3);
    let expected = [
        ("message", "giving up"),
        ("class", "overloaded"),
        ("status", "503"),
        ("attempt", "3"),
        ("request_id", "req_7"),
        ("veto", "attempts"),
        ("detail", "3 attempts made"),
    ];
    assert_eq!(all[2], fields(&expected));

    let provider = Provider::script([wait(429, Duration::from_secs(90))]);
    let all = events(&provider).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["veto"], "wait_over_cap");
    assert_eq!(all[0]["left_ms"], "90000");

    // Nothing was ever sent.
    let provider = Provider::script((0..9).map(|_| busy()));
    let all = events(&provider).await;
    assert_eq!(all.len(), 5);
    assert_eq!(all[4]["class"], "rejected");
    assert_eq!(all[4]["veto"], "attempts");

    // The retry was announced, and could not be sent.
    let provider = Provider::script([with_id(whole(503)), rejected(VetoReason::CircuitOpen)]);
    let all = events(&provider).await;
    assert_eq!(all.len(), 2);
    let expected = [
        ("message", "giving up"),
        ("class", "overloaded"),
        ("status", "503"),
        ("attempt", "2"),
        ("request_id", "req_7"),
        ("veto", "circuit_open"),
        ("left_ms", "7000"),
    ];
    assert_eq!(all[1], fields(&expected));
}

#[tokio::test(start_paused = true)]
async fn of_nested_loops_one_gives_up() {
    let capture = Capture::start();
    let provider = Provider::script((0..9).map(|_| bare(503)));
    let retry = RetryLayer::new().layer(RetryLayer::new().layer(service(&provider)));
    let _ = call(retry, request()).await;
    let messages: Vec<_> = warnings(&capture)
        .into_iter()
        .map(|event| event.message)
        .collect();
    assert_eq!(messages, ["retrying", "retrying", "giving up"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_final_by_its_class_gives_nothing_up() {
    for play in [bare(200), bare(400), rejected(VetoReason::CircuitOpen)] {
        let provider = Provider::script([play]);
        assert_eq!(events(&provider).await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn no_event_and_no_debug_shows_a_secret() {
    let capture = Capture::start();
    let provider = Provider::script([with_id(bare(503)), with_id(whole(500)), with_id(bare(503))]);
    let layer = RetryLayer::builder().seed(1).build().unwrap();
    let mut seen = format!("{layer:?} {:?}", RetryLayer::builder());
    let mut request = request();
    let secret = HeaderValue::from_static("Bearer sk-secret");
    request.headers_mut().insert(AUTHORIZATION, secret);
    *request.uri_mut() = "https://h/?key=sk-secret".parse().unwrap();
    let mut retry = layer.layer(service(&provider));
    let future = retry.ready().await.unwrap().call(request);
    let mut future = pin!(future);
    let answer = std::future::poll_fn(|cx| {
        seen += &format!("{future:?}");
        let poll = future.as_mut().poll(cx);
        seen += &format!("{future:?}");
        poll
    })
    .await;
    seen += &format!("{retry:?}");
    seen += &format!("{:?}", report(&answer));
    seen += &capture.text();
    assert!(seen.contains("req_7"));
    assert!(!seen.contains("sk-secret"), "{seen}");
}
