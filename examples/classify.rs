//! A filter: responses in, verdicts out, one JSON object a line.
//!
//! Reads `{"id", "provider", "status", "headers", "body", "content_type", "now_unix_ms"}` on standard
//! input and writes `{"id", "class", "retry", "wait_ms"}` on standard output, in the same order; with
//! `--explain` also `rule`, the name of the rule that decided. Only `status` must be there, so that a
//! log of failures is soon turned into its input. Each response goes through the real layers.
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
use tower_steady::{BoxError, Outcome};

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
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let verdict = serde_json::from_str(&line)
            .map_err(Into::into)
            .and_then(|case| verdict(&case, &runtime, arguments.explain))
            .map_err(|error| format!("line {}: {error}", number + 1))?;
        writeln!(out, "{verdict}")?;
    }
    out.flush()?;
    Ok(())
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
    let status = case["status"].as_u64().ok_or("`status` is missing")?;
    let none = Map::new();
    let given = case["headers"].as_object().unwrap_or(&none);
    let mut body = case["body"]
        .as_str()
        .unwrap_or_default()
        .as_bytes()
        .to_vec();
    let mut headers = HeaderMap::new();
    for (name, value) in given.iter().filter(|(name, _)| !name.starts_with(':')) {
        for value in one_or_many(value) {
            headers.append(
                HeaderName::from_bytes(name.as_bytes())?,
                header_value(value)?,
            );
        }
    }
    if let Some(content_type) = case["content_type"].as_str() {
        headers.insert(CONTENT_TYPE, content_type.parse()?);
    }
    // The headers of an AWS event stream's frame are written with their colon: make the frame.
    let frame: Vec<_> = given
        .iter()
        .filter(|(name, _)| name.starts_with(':'))
        .collect();
    if !frame.is_empty() {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/vnd.amazon.eventstream"),
        );
        body = event_stream_frame(&frame, &body);
    }
    // Dates are measured against the response's own clock.
    if let (Some(now), false) = (case["now_unix_ms"].as_u64(), headers.contains_key(DATE)) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
        headers.insert(DATE, httpdate::fmt_http_date(now).parse()?);
    }
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status)?)?;
    *response.headers_mut() = headers;
    Ok(response)
}

fn one_or_many(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// A header's bytes: JSON cannot hold those of other encodings, so that a log writes each as a
/// character of Latin-1. A character beyond that is taken as UTF-8.
fn header_value(value: &str) -> Result<HeaderValue, Box<dyn Error>> {
    let latin1: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
    let bytes = latin1.unwrap_or_else(|| value.as_bytes().to_vec());
    Ok(HeaderValue::from_bytes(bytes.trim_ascii())?)
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
