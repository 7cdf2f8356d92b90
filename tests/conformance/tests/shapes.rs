//! An error is the same in whatever a gateway wraps it.

use conformance::{Case, own, responses};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tower_steady_classify::classify_response;

type Shape = (&'static str, fn(&Value, u16) -> String);

/// What becomes of an error's body on its way.
const SHAPES: &[Shape] = &[
    ("spread over lines", |error, _| format!("\r\n{error:#}\r\n")),
    ("behind a byte order mark", |error, _| {
        format!("\u{feff}{error}")
    }),
    ("in an array", |error, _| json!([error]).to_string()),
    ("at the start of an array", |error, _| format!("[{error}\n")),
    ("in an error", |error, _| {
        json!({ "error": error }).to_string()
    }),
    ("as text in an error", |error, _| {
        json!({"error": error.to_string()}).to_string()
    }),
    ("as text in a message", |error, status| {
        json!({"error": {"message": error.to_string(), "code": status.to_string()}}).to_string()
    }),
    ("in a detail", |error, _| {
        json!({ "detail": error }).to_string()
    }),
    ("as an upstream's raw answer", |error, status| {
        let raw = error.to_string();
        json!({"error": {"message": "Provider returned error", "code": status, "metadata": {"raw": raw}}})
            .to_string()
    }),
    ("behind an exception's name", |error, status| {
        let message = format!("litellm.APIError: APIError: OpenAIException - {error}");
        json!({"error": {"message": message, "code": status.to_string()}}).to_string()
    }),
    ("behind an exception's status", |error, status| {
        json!({"detail": format!("Error code: {status} - {error}")}).to_string()
    }),
    ("as an event", |error, _| {
        format!("event: error\ndata: {error}\n\n")
    }),
];

fn verdict(case: &Case, body: &[u8]) -> impl PartialEq + std::fmt::Debug + use<> {
    let response = case.response();
    let outcome = classify_response(response.status(), response.headers(), body, case.provider());
    (outcome.class, outcome.transient, outcome.wait)
}

#[test]
fn wrapping_makes_no_difference() {
    let mut differ = Vec::new();
    let mut compared = 0;
    let cases = responses().into_iter().chain(own());
    for case in cases.filter(|case| case.transport().is_none()) {
        let status = case.response().status().as_u16();
        let error: Value = serde_json::from_slice(&case.body()).unwrap_or_default();
        if status < 400 || !error.is_object() {
            continue;
        }
        let plain = verdict(&case, &case.body());
        for (name, shape) in SHAPES {
            let shaped = verdict(&case, shape(&error, status).as_bytes());
            compared += 1;
            if shaped != plain {
                differ.push(format!("{} {name}: {shaped:?}, not {plain:?}", case.id()));
            }
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
    assert!(compared > 3000, "{compared}");
}

/// In a 200 the status is gone, and the words are all there is. What they leave open is the server's
/// fault; what was final by its code stays final.
#[test]
fn code_in_a_success_decides_like_one_under_a_status() {
    let mut headers = HeaderMap::new();
    let events = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, events);
    let mut differ = Vec::new();
    for case in responses().into_iter().chain(own()) {
        if case.transport().is_some() || !case.response().status().is_client_error() {
            continue;
        }
        let response = case.response();
        let alone = classify_response(response.status(), &HeaderMap::new(), &case.body(), None);
        let by_code = alone.rule.is_some_and(|rule| rule.ends_with("-code"));
        if !by_code || alone.transient {
            continue;
        }
        // A line of its own for each line of the body, as server-sent events have it.
        let mut event = b"event: error\n".to_vec();
        for line in case.body().split(|byte| *byte == b'\n') {
            event.extend([b"data: ", line, b"\n"].concat());
        }
        event.push(b'\n');
        let streamed = classify_response(StatusCode::OK, &headers, &event, None);
        if streamed.class != alone.class {
            differ.push(format!("{}: {streamed:?}, not {alone:?}", case.id()));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
}
