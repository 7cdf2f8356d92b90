//! The corpus of provider responses, read and turned into HTTP.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tower_steady_classify::Provider;

const RESPONSES: &str = include_str!("../data/responses.jsonl");
const OWN: &str = include_str!("../data/own.jsonl");
const HINTS: &str = include_str!("../data/hints.jsonl");

/// One row: a response and what it should come to.
#[derive(Clone, Debug)]
pub struct Case(Value);

/// The rows of `responses.jsonl`.
#[must_use]
pub fn responses() -> Vec<Case> {
    rows(RESPONSES).map(Case).collect()
}

/// The rows of `own.jsonl`.
#[must_use]
pub fn own() -> Vec<Case> {
    rows(OWN).map(Case).collect()
}

/// The rows of `hints.jsonl`, each as the 429 that would carry it.
#[must_use]
pub fn hints() -> Vec<Case> {
    rows(HINTS).map(|row| Case(from_hint(&row))).collect()
}

/// # Panics
///
/// If the data is not JSON lines.
fn rows(text: &'static str) -> impl Iterator<Item = Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a row is a JSON object"))
}

fn from_hint(hint: &Value) -> Value {
    let mut waits = vec![hint["expect_ms"].clone()];
    waits.extend(hint["lenient_ok"].as_array().into_iter().flatten().cloned());
    let mut case = json!({
        "id": hint["id"],
        "provider": "generic",
        "status": 429,
        "headers": hint.get("also").cloned().unwrap_or_else(|| json!({})),
        "body": "",
        "now_unix_ms": hint["now_unix_ms"],
        "note": hint["why"],
        "wait_ms": waits[0],
        "also": {"wait_ms": waits},
    });
    let value = &hint["value"];
    let number = || value.as_str().and_then(|text| text.parse::<f64>().ok());
    match hint["header"].as_str().unwrap_or_default() {
        "body:message" => case["body"] = json!(json!({"error": {"message": value}}).to_string()),
        "body:google.rpc.RetryInfo.retryDelay" => {
            let detail = json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": value,
            });
            let error = json!({"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [detail]});
            case["body"] = json!(json!({"error": error}).to_string());
        }
        "body:hf.estimated_time" => {
            case["status"] = json!(503);
            let body = json!({"error": "Model is currently loading", "estimated_time": number()});
            case["body"] = json!(body.to_string());
        }
        "body:cloudflare.retry_after" => {
            case["status"] = json!(522);
            let body =
                json!({"title": "", "status": 522, "retryable": true, "retry_after": number()});
            case["body"] = json!(body.to_string());
        }
        header => {
            let lines = match hint.get("value_hex") {
                Some(hex) => json!([{"hex": hex}]),
                None => hint
                    .get("values")
                    .cloned()
                    .unwrap_or_else(|| json!([value])),
            };
            case["headers"][header] = lines;
        }
    }
    case
}

impl Case {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0["id"].as_str().unwrap_or_default()
    }

    /// What broke where there was no response.
    #[must_use]
    pub fn transport(&self) -> Option<&str> {
        self.0["transport"].as_str()
    }

    /// The provider, where it is one that has rules of its own.
    #[must_use]
    pub fn provider(&self) -> Option<Provider> {
        Provider::from_name(self.0["provider"].as_str()?)
    }

    /// Why the row is there.
    #[must_use]
    pub fn note(&self) -> &str {
        self.0["note"].as_str().unwrap_or_default()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> Bytes {
        Bytes::from(self.0["body"].as_str().unwrap_or_default().to_owned())
    }

    /// Whether the row has a word on this (a hint has none on the class).
    #[must_use]
    pub fn expects(&self, field: &str) -> bool {
        !self.expected(field).is_null()
    }

    fn expected(&self, field: &str) -> &Value {
        match field {
            "wait_ms" => &self.0["wait_ms"],
            field => &self.0["expect"][field],
        }
    }

    /// Whether `got` is one of the right answers for `class`, `retry` or `wait_ms`. A wait may be off
    /// by a millisecond.
    #[must_use]
    pub fn accepts(&self, field: &str, got: &Value) -> bool {
        let right = |answer: &Value| match (field, answer.as_i64(), got.as_i64()) {
            ("wait_ms", Some(answer), Some(got)) => (answer - got).abs() <= 1,
            _ => answer == got,
        };
        let also = self.0["also"][field].as_array();
        right(self.expected(field)) || also.is_some_and(|also| also.iter().any(right))
    }

    /// The response.
    ///
    /// # Panics
    ///
    /// If the row does not describe one.
    #[must_use]
    pub fn response(&self) -> Response<Full<Bytes>> {
        let status = self.0["status"].as_u64().expect("a status");
        let status = u16::try_from(status).expect("a status of three digits");
        let mut response = Response::new(Full::from(self.body()));
        *response.status_mut() = StatusCode::from_u16(status).expect("a status of HTTP");
        let headers = response.headers_mut();
        for (name, value) in self.0["headers"].as_object().into_iter().flatten() {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            let one = std::slice::from_ref(value);
            for line in value.as_array().map_or(one, Vec::as_slice) {
                headers.append(&name, header_value(line));
            }
        }
        if let Some(content_type) = self.0["content_type"].as_str() {
            headers.insert(CONTENT_TYPE, content_type.parse().expect("a media type"));
        }
        if let Some(now) = self.0["now_unix_ms"].as_u64() {
            let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
            let now = httpdate::fmt_http_date(now);
            headers.insert(DATE, now.parse().expect("a date is ASCII"));
        }
        response
    }
}

/// As it would come off the wire, where white space around a value is gone.
fn header_value(line: &Value) -> HeaderValue {
    let bytes = match line["hex"].as_str() {
        Some(hex) => (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex digits"))
            .collect(),
        None => line.as_str().expect("a value is text").as_bytes().to_vec(),
    };
    HeaderValue::from_bytes(bytes.trim_ascii()).expect("bytes that a header may hold")
}
