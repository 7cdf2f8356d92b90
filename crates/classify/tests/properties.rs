//! What holds for every body, stream and header. The same checks are fuzz targets in `fuzz/`.

#[path = "../fuzz/checks.rs"]
mod checks;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use proptest::prelude::*;
use tower_steady_classify::classify_response;

/// Pieces that the formats are made of, so that random input is not turned away at the door.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    const FRAGMENTS: [&[u8]; 23] = [
        b"{\"error\":",
        b"{\"message\":\"",
        b"\"code\":429,",
        b"\"type\":\"error\",",
        b"\"details\":[{\"retryDelay\":\"5s\"}]",
        b"\"resets_at\":1e300",
        b"try again in 9999999999999h",
        b"Limit 1, Requested 2",
        b"\\\"{\\\\\\\"",
        b"data: ",
        b"event: error\n",
        b"[DONE]",
        b"\n",
        b"\r\n",
        b"\n\n",
        b": ping\n",
        b"\xef\xbb\xbf",
        b"\xff\xc3",
        b"\0\0\0\x10\0\0\0\0",
        b"{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}",
        b"\"}",
        b"}",
        b"]",
    ];
    let fragment = prop::sample::select(&FRAGMENTS[..]);
    let random = prop::collection::vec(any::<u8>(), 0..8);
    let part = prop_oneof![4 => fragment.prop_map(<[u8]>::to_vec), 1 => random];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(any::<u8>(), 3), fragments())
        .prop_map(|(head, tail)| [head, tail].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_body_does_harm(data in input()) {
        checks::body(&data);
    }

    #[test]
    fn no_stream_does_harm_and_cuts_make_no_difference(data in input()) {
        checks::stream(&data);
    }

    #[test]
    fn no_header_does_harm(data in input()) {
        checks::header(&data);
    }
}

#[test]
fn model_output_that_looks_like_an_error_is_output() {
    let error = r#"{"error":{"code":"rate_limit_exceeded","message":"try again in 20s"}}"#;
    let text = serde_json::to_string(error).unwrap();
    for (content_type, body) in [
        (
            "application/json",
            format!(r#"{{"choices":[{{"message":{{"content":{text}}}}}]}}"#),
        ),
        (
            "application/json",
            format!(r#"{{"content":[{{"type":"text","text":{text}}}],"error":null}}"#),
        ),
        (
            "text/event-stream",
            format!("data: {{\"choices\":[{{\"delta\":{{\"content\":{text}}}}}]}}\n\n"),
        ),
        (
            "text/event-stream",
            format!("data: {{\"type\":\"content_block_delta\",\"delta\":{{\"text\":{text}}}}}\n\n"),
        ),
        (
            "text/event-stream",
            format!(
                "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"delta\":{text}}}\n\n"
            ),
        ),
        (
            "application/x-ndjson",
            format!("{{\"response\":{text},\"done\":false}}\n"),
        ),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let outcome = classify_response(StatusCode::OK, &headers, body.as_bytes(), None);
        assert_eq!(outcome.class.as_str(), "success", "{body}");
    }
}
