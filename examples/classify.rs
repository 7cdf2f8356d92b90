//! A filter: responses in, verdicts out, one JSON object a line.
//!
//! Reads `{"id", "provider", "status", "headers", "body", "content_type", "now_unix_ms"}` on standard
//! input and writes `{"id", "class", "retry", "wait_ms"}` on standard output, in the same order; with
//! `--explain` also `rule`, the name of the rule that decided. Only `status` must be there, so that a
//! log of failures is soon turned into its input. Each response goes through the real layers.
//!
//! The layers look into a 200 whose type is JSON's or a stream's. A log may have lost the type, or the
//! server said none: here a 200 with no type, or with one that says nothing (`text/plain`, `text/html`,
//! `application/octet-stream`), has the type that its body begins like.
//!
//! Every line that is not blank gets a verdict, so that one bad record spoils no run: headers that no
//! server could have sent are left out, and a line that holds no response is `unknown`, with the reason
//! in `error`.
//!
//! ```text
//! $ echo '{"status":429,"body":"{\"error\":{\"code\":\"insufficient_quota\"}}"}' |
//!     cargo run --release --example classify -- --explain
//! {"class":"quota_exhausted","id":null,"retry":false,"rule":"quota-code","wait_ms":null}
//! ```

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clap::Parser;
use http::header::{CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_steady::classify::{ClassifyLayer, Provider};
use tower_steady::retry_after::RetryAfterLayer;
use tower_steady::{BoxError, Class, Outcome};

/// Says of each response what happened, and whether another try is worth it.
#[derive(Parser)]
struct Arguments {
    /// Add the name of the rule that decided
    #[arg(long)]
    explain: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (number, line) in io::stdin().lock().split(b'\n').enumerate() {
        let line = line?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let case = read_case(&line).unwrap_or_default();
        let verdict = verdict(&case, &runtime, arguments.explain).unwrap_or_else(|error| {
            eprintln!("line {}: {error}", number + 1);
            json!({
                "id": case["id"],
                "class": Class::Unknown.as_str(),
                "retry": false,
                "wait_ms": null,
                "error": error.to_string(),
            })
        });
        writeln!(out, "{verdict}")?;
    }
    out.flush()?;
    Ok(())
}

/// The JSON of a line. Bytes that are no UTF-8, and halves of escaped pairs that are left of a character
/// cut in two, become U+FFFD.
fn read_case(line: &[u8]) -> Option<Value> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_start_matches('\u{feff}');
    serde_json::from_str(line)
        .or_else(|_| serde_json::from_str(&without_half_pairs(line)))
        .ok()
}

fn without_half_pairs(json: &str) -> String {
    let surrogate = |text: &str, nibbles: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?.to_ascii_lowercase();
        let is = digits
            .strip_prefix('d')?
            .starts_with(|c| nibbles.contains(c));
        is.then_some("\\uXXXX".len())
    };
    let high = |text: &str| surrogate(text, "89ab");
    let low = |text: &str| surrogate(text, "cdef");
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        mended.push_str(plain);
        let len = match (high(escape), low(escape)) {
            (Some(len), _) if low(&escape[len..]).is_some() => 2 * len,
            (Some(len), _) | (_, Some(len)) => {
                mended.push('\u{fffd}');
                rest = &escape[len..];
                continue;
            }
            // An escape: its letter may be a backslash of its own.
            _ => 1 + escape[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&escape[..len]);
        rest = &escape[len..];
    }
    mended + rest
}

fn verdict(
    case: &Value,
    runtime: &tokio::runtime::Runtime,
    explain: bool,
) -> Result<Value, Box<dyn Error>> {
    let mut classify = ClassifyLayer::builder();
    if let Some(provider) = case["provider"].as_str().and_then(Provider::from_name) {
        classify = classify.provider(provider);
    }
    let response = response(case)?;
    let service = service_fn(move |_: Request<()>| {
        let response = response.clone();
        async { Ok::<_, BoxError>(response) }
    });
    let service = RetryAfterLayer::new().layer(classify.build()?.layer(service));
    let answer = runtime.block_on(service.oneshot(Request::new(())));

    let outcome = Outcome::read(&answer);
    let mut verdict = json!({
        "id": case["id"],
        "class": outcome.class.as_str(),
        "retry": outcome.transient,
        "wait_ms": outcome.wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
    });
    if explain {
        verdict["rule"] = json!(outcome.rule);
    }
    Ok(verdict)
}

fn response(case: &Value) -> Result<Response<Full<Bytes>>, Box<dyn Error>> {
    let status = number(&case["status"]).ok_or("no JSON with a `status`")?;
    let none = Map::new();
    let given = case["headers"].as_object().unwrap_or(&none);
    let mut body = match &case["body"] {
        Value::Null => Vec::new(),
        Value::String(text) => text.clone().into_bytes(),
        // A log that keeps a JSON body as JSON.
        body => body.to_string().into_bytes(),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in given.iter().filter(|(name, _)| !name.starts_with(':')) {
        for value in one_or_many(value) {
            let name = HeaderName::from_bytes(name.trim_ascii().as_bytes());
            if let (Ok(name), Some(value)) = (name, header_value(&value)) {
                headers.append(name, value);
            }
        }
    }
    if let Some(content_type) = case["content_type"].as_str().and_then(header_value) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    if status == 200
        && says_nothing(headers.get(CONTENT_TYPE))
        && let Some(content_type) = type_of(&body)
    {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let printed = case["body"].as_str().and_then(printed_frame);
    let (frame, payload) = match &printed {
        Some((frame, payload)) => (frame, payload.as_bytes()),
        None => (given, &body[..]),
    };
    // The headers of an AWS event stream's frame are written with their colon: make the frame.
    let frame: Vec<_> = frame
        .iter()
        .filter(|(name, _)| name.starts_with(':'))
        .collect();
    if !frame.is_empty() {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/vnd.amazon.eventstream"),
        );
        body = event_stream_frame(&frame, payload);
    }
    // Dates are measured against the response's own clock.
    let now = number(&case["now_unix_ms"]).filter(|now| *now < LAST_DATE_MS);
    if let (Some(now), false) = (now, headers.contains_key(DATE)) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
        headers.insert(DATE, httpdate::fmt_http_date(now).parse()?);
    }
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status)?)?;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Whether a type tells no more of a body than that it has bytes.
fn says_nothing(content_type: Option<&HeaderValue>) -> bool {
    const NOTHING: [&str; 3] = ["text/plain", "text/html", "application/octet-stream"];
    content_type.is_none_or(|value| {
        let essence = value.to_str().unwrap_or_default().split(';').next();
        let essence = essence.unwrap_or_default().trim();
        NOTHING
            .iter()
            .any(|name| essence.eq_ignore_ascii_case(name))
    })
}

/// What a body is by its start.
fn type_of(body: &[u8]) -> Option<&'static str> {
    let start = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    match start.trim_ascii_start() {
        [b'{' | b'[', ..] => Some("application/json"),
        start if start.starts_with(b"data:") || start.starts_with(b"event:") => {
            Some("text/event-stream")
        }
        _ => None,
    }
}

/// The start of the year 10000, which an HTTP date cannot write.
const LAST_DATE_MS: u64 = 253_402_300_800_000;

/// A whole number that is not negative, or a text that holds one.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_u64(),
    }
}

/// The values of a header: of several lines, or of one; numbers are taken as their text.
fn one_or_many(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(one_or_many).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        _ => Vec::new(),
    }
}

/// A header's bytes: JSON cannot hold those of other encodings, so that a log writes each as a
/// character of Latin-1. A character beyond that is taken as UTF-8.
fn header_value(value: &str) -> Option<HeaderValue> {
    let latin1: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
    let bytes = latin1.unwrap_or_else(|| value.as_bytes().to_vec());
    HeaderValue::from_bytes(bytes.trim_ascii()).ok()
}

/// A frame of an AWS event stream as a log prints it: its headers (`:exception-type: throttlingException`),
/// then its payload.
fn printed_frame(body: &str) -> Option<(Map<String, Value>, &str)> {
    let (head, payload) = body.split_at(body.find('{').unwrap_or(body.len()));
    if !head.trim_start().starts_with(':') {
        return None;
    }
    let separator = |c: char| c.is_ascii_whitespace() || c == ',' || c == ';';
    let words: Vec<_> = head
        .split(separator)
        .filter(|word| !word.is_empty())
        .collect();
    let headers = words.windows(2).filter_map(|pair| {
        let name = pair[0].strip_suffix(':')?;
        name.starts_with(':')
            .then(|| (name.to_owned(), json!(pair[1])))
    });
    let headers: Map<_, _> = headers.collect();
    let is_frame = [":message-type", ":exception-type"]
        .iter()
        .any(|name| headers.contains_key(*name));
    is_frame.then_some((headers, payload))
}

fn event_stream_frame(headers: &[(&String, &Value)], payload: &[u8]) -> Vec<u8> {
    const STRING: u8 = 7;
    let mut head = Vec::new();
    for (name, value) in headers {
        let value = value.as_str().unwrap_or_default();
        head.push(u8::try_from(name.len()).unwrap_or_default());
        head.extend_from_slice(name.as_bytes());
        head.push(STRING);
        head.extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let total = 16 + head.len() + payload.len();
    let mut frame = Vec::with_capacity(total);
    let lengths = [total, head.len()];
    for length in lengths {
        frame.extend_from_slice(&u32::try_from(length).unwrap_or_default().to_be_bytes());
    }
    // The checksums are the transport's business; nobody here reads them.
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&head);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&[0; 4]);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(case: &Value) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        verdict(case, &runtime, false).unwrap()["class"].take()
    }

    #[test]
    fn frame_is_read_as_headers_or_as_a_log_prints_it() {
        let payload = r#"{"message":"Too many tokens, please wait."}"#;
        let headers =
            json!({":message-type": "exception", ":exception-type": "throttlingException"});
        let printed =
            format!(":message-type: exception\n:exception-type: throttlingException\n\n{payload}");
        let comment = format!(": keep-alive\n\ndata: {payload}\n\n");
        for (headers, body, class) in [
            (headers, payload, "rate_limited"),
            (Value::Null, &*printed, "rate_limited"),
            (
                Value::Null,
                ":exception-type: validationException",
                "invalid_request",
            ),
            (Value::Null, &*comment, "success"),
        ] {
            let case = json!({"status": 200, "headers": headers, "body": body});
            assert_eq!(class_of(&case), class, "{case}");
        }
    }

    #[test]
    fn success_that_lost_its_type_is_read_by_its_start() {
        let error = r#"{"error":{"code":"rate_limit_exceeded","message":"x"}}"#;
        let event = format!("data: {error}\n\n");
        let answer = r#"{"choices":[],"error":null}"#;
        for (content_type, body, class) in [
            (Value::Null, error, "rate_limited"),
            (Value::Null, &*event, "rate_limited"),
            (Value::Null, answer, "success"),
            (Value::Null, "Hello", "success"),
            (json!("text/plain; charset=utf-8"), error, "rate_limited"),
            (json!("application/octet-stream"), error, "rate_limited"),
            (json!("audio/mpeg"), error, "success"),
        ] {
            let case = json!({"status": 200, "body": body, "content_type": content_type});
            assert_eq!(class_of(&case), class, "{case}");
        }
    }
}
