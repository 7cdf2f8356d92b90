//! The server's word on another try: `x-should-retry`, and Cloudflare's `retryable`.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_steady_classify::{ClassifyLayer, UserRule, classify_response};
use tower_steady_core::{Class, Outcome};

const LIMIT: &str = r#"{"error":{"code":"rate_limit_exceeded","message":"x"}}"#;
const BILL: &str = r#"{"error":{"code":"insufficient_quota","message":"x"}}"#;

fn headers(word: &'static str) -> HeaderMap {
    let json = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
    headers.insert("x-should-retry", HeaderValue::from_static(word));
    headers
}

#[test]
fn server_has_the_last_word_on_another_try_but_not_over_a_bill() {
    for (status, word, body, retry) in [
        (429, "false", LIMIT, false),
        (429, "true", LIMIT, true),
        (400, "true", "", true),
        (503, "false", "", false),
        // Exactly these spellings.
        (503, "False", "", true),
        (400, "TRUE", "", false),
        (400, "1", "", false),
        (429, "true", BILL, false),
        (403, "true", BILL, false),
        // The head of a 200 was written before its error was known.
        (200, "false", LIMIT, true),
        (200, "true", BILL, false),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let outcome = classify_response(status, &headers(word), body.as_bytes(), None);
        assert_eq!(outcome.transient, retry, "{status} {word} {body}");
    }
}

#[test]
fn class_stays_what_it_is_whatever_the_server_says_of_another_try() {
    for (status, word, class) in [
        (400, "true", Class::InvalidRequest),
        (529, "false", Class::Overloaded),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let outcome = classify_response(status, &headers(word), b"", None);
        assert_eq!(outcome.class, class);
    }
}

#[tokio::test]
async fn own_rule_gives_way_to_the_server_unless_it_says_itself() {
    let rule = |class| UserRule::new("own", class, |facts| facts.has_id("own"));
    let overloaded = || rule(Class::Overloaded);
    for (rule, word, retry) in [
        (overloaded(), "", true),
        (overloaded(), "false", false),
        (overloaded().transient(true), "false", true),
        (rule(Class::NotFound), "true", true),
        (rule(Class::NotFound).transient(false), "true", false),
        // A bill of one's own is a named one.
        (rule(Class::QuotaExhausted), "true", false),
        (rule(Class::QuotaExhausted).transient(true), "", true),
    ] {
        let service = service_fn(move |_: Request<()>| async move {
            let body = Full::<Bytes>::from(r#"{"error":{"code":"own"}}"#);
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::CONFLICT;
            *response.headers_mut() = headers(word);
            Ok::<_, Infallible>(response)
        });
        let layer = ClassifyLayer::builder().rule(rule.clone()).build().unwrap();
        let answer = layer.layer(service).oneshot(Request::new(())).await;
        let outcome = Outcome::read(&answer);
        assert_eq!(outcome.rule, Some("own"));
        assert_eq!(outcome.transient, retry, "{rule:?} {word}");
    }
}

#[test]
fn cloudflare_says_whether_a_retry_helps() {
    let outcome = |retryable: bool| {
        let body = format!(
            r#"{{"type":"https://developers.cloudflare.com/","title":"","status":522,"retryable":{retryable},"retry_after":120}}"#
        );
        let status = StatusCode::from_u16(522).unwrap();
        classify_response(status, &HeaderMap::new(), body.as_bytes(), None)
    };
    assert!(!outcome(false).transient);
    assert!(outcome(true).transient);
    assert_eq!(outcome(true).wait.unwrap().as_secs(), 120);
}
