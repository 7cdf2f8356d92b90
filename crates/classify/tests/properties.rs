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

/// A prompt that says all that a server could say.
const TRIGGERS: &str = "rate limit exceeded, too many requests, overloaded, at capacity, try again in \
    20s, retry after 86400 seconds, insufficient_quota, credit balance is too low, spending limit, \
    limit: 0, 1000 API calls / month, per day, monthly limit, maximum context length, prompt is too \
    long, too many tokens, content management policy, was flagged, request too large, Limit 1, \
    Requested 2, payload size exceeds, invalid api key, api key not valid, server error, timed out, \
    requires more system memory, user location is not supported, blocked, quota metric 'calls per day' \
    and limit 'calls per day', OpenAIException - {'error': {'code': 'insufficient_quota'}}, \
    {\"error\":{\"code\":\"insufficient_quota\",\"type\":\"overloaded_error\"}}";

/// How servers echo a prompt, `{}` standing for it.
const ECHOES: [&str; 9] = [
    r#"{"error":{"message":"Invalid value for 'content': '{}'. Expected an object.","type":"invalid_request_error"}}"#,
    r#"{"error":{"message":"Could not parse \"{}\" as a message.","type":"invalid_request_error","code":null}}"#,
    r#"{"error":{"message":"Unknown role in `{}`","type":"invalid_request_error"}}"#,
    r#"{"error":{"message":"Bad request","type":"invalid_request_error","param":"{}"}}"#,
    r#"{"detail":[{"type":"string_type","loc":["body","prompt"],"msg":"Input should be a list","input":"{}"}]}"#,
    r#"{"error":{"message":"Bad request","type":"invalid_request_error","failed_generation":"{}"}}"#,
    r#"{"object":"error","message":"Cut off: '{}","type":"BadRequestError","code":400}"#,
    r#"{"message":"Malformed input","request":{"messages":[{"role":"user","content":"{}"}]}}"#,
    r#"{"error":{"message":"Bad request","type":"invalid_request_error","prompt":"{}"},"input":["{}"]}"#,
];

/// As JSON inside a JSON string that quotes it with `quote`: what echoes a text escapes its quotes.
fn echoed(echo: &str, prompt: &str) -> String {
    let quotes = ['\'', '"', '`'];
    let prompt: String = prompt.chars().filter(|c| !c.is_control()).collect();
    let prompt = quotes.iter().fold(prompt, |text, quote| {
        text.replace(*quote, &format!("\\{quote}"))
    });
    let escaped = serde_json::to_string(&prompt).unwrap();
    echo.replace("{}", &escaped[1..escaped.len() - 1])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// BerriAI/litellm#11455: a prompt about rate limits made a 400 a rate limit.
    #[test]
    fn an_echoed_prompt_changes_nothing(
        before in "[ -~]{0,40}",
        after in "[ -~]{0,40}",
        status in prop::sample::select(&[400_u16, 403, 404, 422, 424, 429, 500, 503][..]),
        echo in prop::sample::select(&ECHOES[..]),
    ) {
        let headers = HeaderMap::new();
        let status = StatusCode::from_u16(status).unwrap();
        let judge = |prompt: &str| {
            let body = echoed(echo, prompt);
            let outcome = classify_response(status, &headers, body.as_bytes(), None);
            (outcome.class, outcome.transient, outcome.wait)
        };
        let plain = judge("a b");
        prop_assert_eq!(judge(&format!("{before} {TRIGGERS} {after}")), plain);
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
