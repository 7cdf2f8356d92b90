//! Prompt echo: whatever a prompt says, an error that shows it is classified as if it did not.
//!
//! The prompts are made of all that the rules look for, the forms are those in which servers echo.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use proptest::prelude::*;
use tower_steady_core::Class;

use super::{list::LIST, waits};
use crate::rules::all_names;
use crate::{Provider, classify_response};

/// Messages, `{}` standing for the prompt.
const MESSAGES: &[&str] = &[
    // In quotes, of all kinds.
    "Invalid value for 'content': '{}'. Expected an object.",
    "Could not parse \"{}\" as a message.",
    "Unknown role in `{}`",
    "Unknown role in ```{}```",
    "Unknown role in ''{}''.",
    "Unknown role in \"\"\"{}\"\"\".",
    "'{}' is not of type 'array' - 'messages'",
    "Unknown role in \u{201c}{}\u{201d}",
    "Unknown role in \u{2018}{}\u{2019}.",
    "Unknown role in \u{201e}{}\u{201c}.",
    "Unknown role in «{}».",
    "Unknown role in 「{}」",
    "Unknown role in &quot;{}&quot;",
    // Behind a label.
    "Invalid request. Prompt: {}",
    "Invalid request (prompt: {})",
    "Bad request, input = {}",
    "Bad request\ninput:\n{}\n",
    "The prompt was: {}",
    "Bad role. Your original request: {}",
    "Your request was: {}",
    "Request: {}",
    "Request body: {}",
    "Unexpected message: {}",
    "Expected an object, but got: {}",
    "Expected a list of messages. Received: {}",
    "Value at messages[0].content: {}",
    "messages.0.content.0.text: {}",
    "Could not parse: {}",
    "Error parsing JSON: {}",
    "Invalid input: {}",
    "Invalid prompt: {}",
    "litellm.BadRequestError: Expected a role. Received Messages=[{}]",
    // In brackets, as a template, as a piece of JSON, of Python, of a page.
    "Unknown role in <<{}>>",
    "Unknown role in <prompt>{}</prompt>",
    "Unknown role in <|im_start|>user\n{}<|im_end|>",
    "Invalid JSON payload received. Unexpected token.\n{}\n^",
    "Unknown role in {\"role\": \"usr\", \"content\": \"{}\"}",
    "Unknown role in {'role': 'usr', 'content': '{}'}",
    "Unknown role in [{\\\"role\\\": \\\"usr\\\", \\\"content\\\": \\\"{}\\\"}]",
    "1 validation error for Chat\nmessages\n  Input should be a list [type=list_type, input_value='{}', input_type=str]",
    "1 validation error for Chat\nmessages\n  Input should be a list [type=list_type, input_value={}, input_type=str]",
];

/// Bodies, `{}` standing for the prompt inside a JSON string.
const FIELDS: &[&str] = &[
    r#"{"error":{"message":"Bad request","type":"invalid_request_error","param":"{}"}}"#,
    r#"{"error":{"message":"Bad request","type":"invalid_request_error","failed_generation":"{}"}}"#,
    r#"{"error":{"message":"Bad request","type":"invalid_request_error","prompt":"{}"},"input":["{}"]}"#,
    r#"{"error":{"message":"Bad request","value":"{}","content":"{}","text":"{}"},"prompt":"{}"}"#,
    r#"{"detail":[{"type":"string_type","loc":["body","prompt"],"msg":"Input should be a list","input":"{}"}]}"#,
    r#"{"detail":[{"type":"value_error","loc":["body"],"msg":"Bad","input":{"error":"{}","message":"{}"},"ctx":{"error":"{}"}}]}"#,
    r#"{"message":"Malformed input","request":{"messages":[{"role":"user","content":"{}"}]}}"#,
    r#"{"message":"Malformed input","request":{"error":{"message":"{}","code":"{}"}},"body":"{}"}"#,
    r#"{"error":{"code":400,"message":"Bad","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents","description":"{}"}]}]}}"#,
    r#"{"error":{"message":"Bad request","details":"{}"}}"#,
    r#"{"error":{"message":"Bad request","details":{"messages":["{}"],"input":{"message":"{}"}}}}"#,
    r#"{"error":{"message":"Bad request","metadata":{"flagged_input":"{}","message":"{}"}}}"#,
    r#"{"error":{"message":{"role":"user","content":"{}"}}}"#,
    r#"{"message":[{"role":"user","content":"{}"}]}"#,
];

fn in_json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

/// All bodies that echo `prompt`.
///
/// None begins with a word that holds a quotation mark: `'5' nails'` is a name and something else.
fn bodies(prompt: &str) -> Vec<String> {
    let first = prompt.split_ascii_whitespace().next().unwrap_or_default();
    let quoted = first.contains(['\'', '"', '`', '\u{201d}']);
    let prompt = &[if quoted { "so " } else { "" }, prompt].concat();
    // A quotation that was cut off ends at the last quotation mark that is not escaped.
    let cut = format!("Cut off: '{}", prompt.replace('\'', "\\'"));
    let messages = MESSAGES.iter().map(|message| message.replace("{}", prompt));
    let messages: Vec<_> = messages.chain([cut]).map(|text| in_json(&text)).collect();
    let error = |message: &String| {
        format!(
            r#"{{"error":{{"message":"{message}","type":"invalid_request_error","code":null}}}}"#
        )
    };
    let raw = |body: &String| {
        let body = in_json(body);
        format!(
            r#"{{"error":{{"message":"Provider returned error","metadata":{{"raw":"{body}"}}}}}}"#
        )
    };
    let wrapped = |body: &String| {
        let body = in_json(body);
        format!(r#"{{"error":{{"message":"x.BadRequestError: OpenAIException - {body}"}}}}"#)
    };
    let plain: Vec<_> = messages.iter().map(error).collect();
    let fields: Vec<_> = FIELDS
        .iter()
        .map(|f| f.replace("{}", &in_json(prompt)))
        .collect();
    let raws: Vec<_> = plain.iter().chain(&fields).map(raw).collect();
    let wrapped: Vec<_> = plain.iter().map(wrapped).collect();
    [plain, fields, raws, wrapped].concat()
}

type Verdict = (Class, bool, Option<Duration>);

/// What is made of each body, in the order of [`bodies`].
fn verdicts(status: u16, prompt: &str) -> Vec<(String, Verdict)> {
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let status = StatusCode::from_u16(status).unwrap();
    let judge = |body: String| {
        let outcome = classify_response(status, &headers, body.as_bytes(), Some(Provider::Other));
        (body, (outcome.class, outcome.transient, outcome.wait))
    };
    bodies(prompt).into_iter().map(judge).collect()
}

fn assert_echo_changes_nothing(status: u16, prompt: &str) {
    static PLAIN: LazyLock<BTreeMap<u16, Vec<(String, Verdict)>>> = LazyLock::new(|| {
        let plain = |status| (status, verdicts(status, "a b"));
        STATUSES.into_iter().map(plain).collect()
    });
    let changed: Vec<_> = verdicts(status, prompt)
        .into_iter()
        .zip(&PLAIN[&status])
        .filter(|((_, verdict), (_, plain))| verdict != plain)
        .map(|((body, verdict), (_, plain))| format!("{body} is {verdict:?}, not {plain:?}"))
        .collect();
    assert!(changed.is_empty(), "{status} {changed:#?}");
}

/// All that is looked for, each as a text of its own.
fn triggers() -> Vec<String> {
    let phrases = LIST
        .iter()
        .flat_map(|(_, texts)| *texts)
        .map(|text| (*text).to_owned());
    let waits = waits::BEFORE.iter().map(|before| format!("{before} 20s"));
    let names = all_names().map(str::to_owned);
    let others = [
        "Limit 1, Requested 2",
        "quota metric 'calls per day' and limit 'calls per day'",
        "OpenAIException - {'error': {'code': 'insufficient_quota'}}",
        "{\"error\":{\"code\":\"insufficient_quota\",\"type\":\"overloaded_error\"}}",
    ];
    let others = others.map(str::to_owned).into_iter();
    phrases.chain(waits).chain(names).chain(others).collect()
}

const STATUSES: [u16; 12] = [200, 400, 402, 403, 412, 413, 422, 424, 429, 500, 503, 529];

#[test]
fn each_echoed_trigger_changes_nothing() {
    for (at, trigger) in triggers().iter().enumerate() {
        // Each meets the statuses that listen most, and some other.
        for status in [200, 400, STATUSES[at % STATUSES.len()]] {
            assert_echo_changes_nothing(status, trigger);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// BerriAI/litellm#11455: a prompt about rate limits made a 400 a rate limit.
    #[test]
    fn an_echoed_prompt_changes_nothing(
        before in "[ -~]{0,40}",
        triggers in Just(triggers()).prop_shuffle(),
        between in prop::sample::select(&[", ", ". ", "\n", " ", ": "][..]),
        after in "\\PC{0,40}",
        status in prop::sample::select(&STATUSES[..]),
    ) {
        let prompt = format!("{before}{between}{}{between}{after}", triggers.join(between));
        assert_echo_changes_nothing(status, &prompt);
    }
}
