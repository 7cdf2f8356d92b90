//! The events, as a subscriber sees them.

mod common;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};
use tower::ServiceBuilder;
use tower_steady_backoff_jitter::{Jitter, RetryLayer};
use tower_steady_core::{Class, VetoReason};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use self::common::*;

type Fields = BTreeMap<String, String>;

#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<(Level, String, Fields)>>>);

struct Collect<'a>(&'a mut Fields);

impl Visit for Collect<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Collect(&mut fields));
        let metadata = event.metadata();
        let target = metadata.target().to_owned();
        self.0
            .lock()
            .unwrap()
            .push((*metadata.level(), target, fields));
    }
}

/// The events of one call.
async fn events(provider: &Provider) -> Vec<Fields> {
    let capture = Capture::default();
    let subscriber = tracing_subscriber::registry().with(capture.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let service = ServiceBuilder::new()
        .layer(RetryLayer::builder().jitter(Jitter::None).build().unwrap())
        .service(service(provider));
    let mut request = request();
    let secret = HeaderValue::from_static("Bearer sk-secret");
    request.headers_mut().insert(AUTHORIZATION, secret);
    let future = call(service, request);
    let _ = future.await;
    let events = std::mem::take(&mut *capture.0.lock().unwrap());
    let mine = |(level, target, fields): (Level, String, Fields)| {
        (target == "tower_steady_backoff_jitter").then(|| {
            assert_eq!(level, Level::WARN);
            fields
        })
    };
    events.into_iter().filter_map(mine).collect()
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
        ("reason", "3 attempts made"),
    ];
    assert_eq!(all[2], fields(&expected));

    let provider = Provider::script([wait(429, Duration::from_secs(90))]);
    let all = events(&provider).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["veto"], "wait_over_cap");
    assert_eq!(all[0]["left_ms"], "90000");

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
async fn what_is_final_by_its_class_gives_nothing_up() {
    for play in [bare(200), bare(400), rejected(VetoReason::CircuitOpen)] {
        let provider = Provider::script([play]);
        assert_eq!(events(&provider).await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn no_event_and_no_debug_shows_a_secret() {
    let capture = Capture::default();
    let subscriber = tracing_subscriber::registry().with(capture.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let provider = Provider::script([with_id(bare(503)), with_id(whole(500)), with_id(bare(503))]);
    let layer = RetryLayer::builder().seed(1).build().unwrap();
    let service = ServiceBuilder::new()
        .layer(layer.clone())
        .map_request(|request| request)
        .service(service(&provider));

    let mut seen = format!("{layer:?} {:?}", RetryLayer::builder());
    let mut request = request();
    let secret = HeaderValue::from_static("Bearer sk-secret");
    request.headers_mut().insert(AUTHORIZATION, secret);
    *request.uri_mut() = "https://h/?key=sk-secret".parse().unwrap();
    let mut service = service;
    let ready = std::future::poll_fn(|cx| tower::Service::poll_ready(&mut service, cx));
    ready.await.unwrap();
    let mut future = std::pin::pin!(tower::Service::call(&mut service, request));
    seen += &format!("{future:?}");
    let answer = std::future::poll_fn(|cx| {
        let poll = future.as_mut().poll(cx);
        seen += &format!("{future:?}");
        poll
    })
    .await;
    seen += &format!("{:?}", report(&answer));
    seen += &format!("{:?}", capture.0.lock().unwrap());
    assert!(seen.contains("req_7"));
    assert!(!seen.contains("sk-secret"), "{seen}");
}
