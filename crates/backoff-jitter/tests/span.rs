//! The span of a call, the event of each try, and the cry for help when the key is refused.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderValue;
use tower::{Layer, Service, ServiceExt};
use tower_steady_backoff_jitter::{Jitter, RetryLayer};
use tower_steady_core::{Class, Outcome, VetoReason};
use tower_steady_testkit::{Capture, Captured, EventTable};
use tracing::Level;

use self::common::*;

const OURS: &str = "tower_steady_backoff_jitter";

fn layer() -> RetryLayer {
    RetryLayer::builder().jitter(Jitter::None).build().unwrap()
}

type Fields = &'static [(&'static str, &'static str)];

/// Everything that was recorded on spans, the last value of each field.
fn span(capture: &Capture) -> BTreeMap<&'static str, String> {
    let ours = capture.from(OURS).into_iter();
    ours.filter(|told| told.is_span)
        .flat_map(|told| told.fields)
        .collect()
}

fn own(fields: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
    let own = |(name, value): &(&'static str, &str)| (*name, (*value).to_owned());
    fields.iter().map(own).collect()
}

fn with_id(play: Play) -> Play {
    Box::new(move |request| {
        let mut answer = play(request)?;
        let id = HeaderValue::from_static("req_7");
        answer.headers_mut().insert("x-request-id", id);
        Ok(answer)
    })
}

/// Tells of itself when it is called.
fn telling(play: Play) -> Play {
    Box::new(move |request| {
        tracing::info!(target: "below", "called");
        play(request)
    })
}

#[tokio::test(start_paused = true)]
async fn a_span_says_at_its_end_what_the_call_came_to() {
    let begin = [
        ("otel.kind", "client"),
        ("http.request.method", "POST"),
        ("server.address", "provider.test"),
        ("server.port", "8443"),
    ];
    let cases: [(Vec<Play>, Fields); 5] = [
        (
            vec![with_id(bare(200))],
            &[
                ("outcome", "success"),
                ("attempts", "1"),
                ("class", "success"),
                ("http.response.status_code", "200"),
                ("request_id", "req_7"),
            ],
        ),
        (
            vec![bare(503), error(Class::Transport, true)],
            &[
                ("outcome", "success"),
                ("attempts", "3"),
                ("class", "success"),
                ("wait_ms", "3000"),
                ("http.response.status_code", "200"),
            ],
        ),
        (
            vec![bare(400)],
            &[
                ("outcome", "failed"),
                ("attempts", "1"),
                ("class", "invalid_request"),
                ("wait_ms", "0"),
                ("http.response.status_code", "400"),
                ("error.type", "invalid_request"),
                ("otel.status_code", "ERROR"),
            ],
        ),
        (
            vec![wait(429, Duration::from_secs(90))],
            &[
                ("outcome", "given_up"),
                ("attempts", "1"),
                ("class", "rate_limited"),
                ("veto", "wait_over_cap"),
                ("wait_ms", "0"),
                ("http.response.status_code", "429"),
                ("error.type", "rate_limited"),
                ("otel.status_code", "ERROR"),
            ],
        ),
        (
            vec![rejected(VetoReason::CircuitOpen)],
            &[
                ("outcome", "given_up"),
                ("attempts", "0"),
                ("class", "rejected"),
                ("veto", "circuit_open"),
                ("wait_ms", "0"),
                ("error.type", "rejected"),
                ("otel.status_code", "ERROR"),
            ],
        ),
    ];
    for (script, end) in cases {
        let capture = Capture::start();
        let mut request = request();
        *request.uri_mut() = "https://user:sk-secret@provider.test:8443/sk-secret?key=sk-secret"
            .parse()
            .unwrap();
        let _ = call(layer().layer(service(&Provider::script(script))), request).await;
        let mut expected = own(&begin);
        expected.extend(own(end));
        assert_eq!(span(&capture), expected);
        assert!(!capture.text().contains("secret"), "{}", capture.text());
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_told_below_stands_in_the_span_and_nothing_else_does() {
    let capture = Capture::start();
    let provider = Provider::script([telling(bare(503)), telling(bare(200))]);
    let mut retry = layer().layer(service(&provider));
    let future = retry.ready().await.unwrap().call(request());
    tracing::info!(target: "beside", "before it is polled");
    let (answer, ()) = tokio::join!(future, async {
        tracing::info!(target: "beside", "while it waits");
    });
    drop(answer);
    tracing::info!(target: "beside", "after its end");

    assert_eq!(capture.from("below").len(), 2);
    assert_eq!(capture.from("beside").len(), 3);
    for told in capture.events() {
        let expected: &[&str] = match &told.target[..] {
            "beside" => &[],
            _ => &["call"],
        };
        assert_eq!(told.spans, expected, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_says_how_far_it_came() {
    // In the wait after the first try, and in the second.
    for (after, attempts) in [(500, "1"), (1_500, "2")] {
        let capture = Capture::start();
        let provider = Provider::script([bare(500)]).takes(Duration::from_millis(300));
        let limit = Duration::from_millis(after);
        let call =
            tokio::time::timeout(limit, layer().layer(service(&provider)).oneshot(request()));
        assert!(call.await.is_err());
        let span = span(&capture);
        assert_eq!(span["outcome"], "dropped");
        assert_eq!(span["attempts"], attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn every_try_is_one_event() {
    let capture = Capture::start();
    let script = [with_id(wait(429, Duration::from_secs(2))), bare(200)];
    let provider = Provider::script(script).takes(Duration::from_millis(300));
    let _ = call(layer().layer(service(&provider)), request()).await;
    // The first try that succeeds as well, which leaves nothing else behind.
    let _ = call(layer().layer(service(&provider)), request()).await;

    let tries = capture.at(Level::DEBUG).into_iter();
    let tries: Vec<_> = tries
        .map(|told| {
            assert_eq!((&told.target[..], &told.message[..]), (OURS, "attempt"));
            told.fields.into_iter().collect::<BTreeMap<_, _>>()
        })
        .collect();
    let success = |attempt| {
        own(&[
            ("class", "success"),
            ("status", "200"),
            ("attempt", attempt),
            ("elapsed_ms", "300"),
        ])
    };
    let refused = own(&[
        ("class", "rate_limited"),
        ("status", "429"),
        ("attempt", "1"),
        ("elapsed_ms", "300"),
        ("wait_ms", "2000"),
        ("request_id", "req_7"),
    ]);
    assert_eq!(tries, [refused, success("2"), success("1")]);
}

/// The server overrules: the key is refused, and is worth another try.
fn refused_for_now() -> Play {
    noted(401, |outcome| outcome.transient = true)
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_one_error_where_nobody_has_told_of_it() {
    let told = || noted(401, |outcome| assert!(outcome.announce()));
    let cases: [(&str, Vec<Play>, usize); 5] = [
        ("by its status", vec![bare(401)], 1),
        ("by a classifier that told", vec![told()], 0),
        (
            "thrice, once a call",
            (0..9).map(|_| refused_for_now()).collect(),
            1,
        ),
        ("and taken then", vec![refused_for_now(), bare(200)], 0),
        ("not at all", vec![bare(403)], 0),
    ];
    for (name, script, errors) in cases {
        let capture = Capture::start();
        let provider = Provider::script(script);
        // Of two loops one tells.
        let retry = layer().layer(layer().layer(service(&provider)));
        let answer = call(retry, request()).await;
        let told = capture.at(Level::ERROR);
        assert_eq!(told.len(), errors, "{name}: {}", capture.text());
        if errors > 0 {
            assert_eq!(told[0].message, "authentication failed");
            assert_eq!(told[0].field("class"), Some("auth"));
            assert_eq!(Outcome::class_of(&answer), Class::Auth);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_front_page_lists_every_event_with_its_fields() {
    let capture = Capture::start();
    let limit = Duration::from_secs(90);
    for script in [
        vec![with_id(wait(429, Duration::from_secs(1))), bare(200)],
        vec![with_id(wait(429, limit))],
        (0..9).map(|_| bare(503)).collect(),
        vec![with_id(bare(401))],
    ] {
        let mut request = request();
        *request.uri_mut() = "http://provider.test:80/".parse().unwrap();
        let provider = Provider::script(script);
        let _ = call(layer().layer(service(&provider)), request).await;
    }
    let table = EventTable::parse(include_str!("../src/lib.rs"));
    let ours: Vec<Captured> = capture.from(OURS);
    assert_eq!(table.differences(&ours), [""; 0]);
}
