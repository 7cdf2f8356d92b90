//! What a look costs, beside parsing the same body into a `serde_json::Value`, and what it costs not to
//! look: `cargo bench -p tower-steady-classify`. Time and allocations.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, black_box};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use tower::{Layer, Service};
use tower_steady_classify::{ClassifyLayer, classify_response};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// 310 bytes, as OpenAI refuses.
const RATE_LIMIT: &str = r#"{"error":{"message":"Rate limit reached for gpt-4o in organization org-0123456789abcdef on tokens per min (TPM): Limit 30000, Used 29636, Requested 2000. Please try again in 3.272s. Visit https://platform.openai.com/account/rate-limits to learn more.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#;
const QUOTA: &str = r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
const CONTEXT: &str = r#"{"error":{"message":"This model's maximum context length is 131072 tokens. However, you requested 156632 tokens (152536 in the messages, 4096 in the completion). Please reduce the length of the messages or completion.","type":"BadRequestError","param":null,"code":400}}"#;

const BODIES: [(&str, u16, &str); 3] = [
    ("rate_limit", 429, RATE_LIMIT),
    ("quota", 429, QUOTA),
    ("context", 400, CONTEXT),
];

fn pick(name: &str) -> (StatusCode, &'static str) {
    let (_, status, body) = BODIES.iter().find(|body| body.0 == name).unwrap();
    (StatusCode::from_u16(*status).unwrap(), body)
}

#[divan::bench(args = ["rate_limit", "quota", "context"])]
fn classify(bencher: Bencher<'_, '_>, name: &str) {
    let (status, body) = pick(name);
    let headers = HeaderMap::new();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| classify_response(status, &headers, black_box(body.as_bytes()), None));
}

#[divan::bench(args = ["rate_limit", "quota", "context"])]
fn serde_json_value(bencher: Bencher<'_, '_>, name: &str) {
    let (_, body) = pick(name);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| serde_json::from_slice::<serde_json::Value>(black_box(body.as_bytes())).unwrap());
}

/// Answers at once.
#[derive(Clone)]
struct Answer(StatusCode, &'static str, &'static str);

impl Service<Request<()>> for Answer {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let mut response = Response::new(Full::from(Bytes::from_static(self.2.as_bytes())));
        *response.status_mut() = self.0;
        let value = HeaderValue::from_static(self.1);
        response.headers_mut().insert(header::CONTENT_TYPE, value);
        ready(Ok(response))
    }
}

fn call<S: Service<Request<()>>>(
    service: &mut S,
    request: Request<()>,
) -> Result<S::Response, S::Error> {
    let future = service.call(request);
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => response,
        Poll::Pending => unreachable!("answers at once"),
    }
}

fn request() -> Request<()> {
    Request::post("https://api.example.com/v1/chat/completions")
        .body(())
        .unwrap()
}

const AUDIO: Answer = Answer(StatusCode::OK, "audio/mpeg", "");
const CHAT: Answer = Answer(
    StatusCode::OK,
    "application/json",
    r#"{"id":"x","object":"chat.completion","choices":[{"message":{"content":"Hello"}}]}"#,
);
const REFUSAL: Answer = Answer(
    StatusCode::TOO_MANY_REQUESTS,
    "application/json",
    RATE_LIMIT,
);

#[divan::bench]
fn whole_success_bare(bencher: Bencher<'_, '_>) {
    let mut service = AUDIO;
    bencher
        .with_inputs(request)
        .bench_local_values(|request| call(&mut service, request));
}

#[divan::bench]
fn whole_success_layered(bencher: Bencher<'_, '_>) {
    let mut service = ClassifyLayer::new().layer(AUDIO);
    bencher
        .with_inputs(request)
        .bench_local_values(|request| call(&mut service, request));
}

#[divan::bench]
fn json_success_bare(bencher: Bencher<'_, '_>) {
    let mut service = CHAT;
    bencher
        .with_inputs(request)
        .bench_local_values(|request| call(&mut service, request));
}

#[divan::bench]
fn json_success_layered(bencher: Bencher<'_, '_>) {
    let mut service = ClassifyLayer::new().layer(CHAT);
    bencher
        .with_inputs(request)
        .bench_local_values(|request| call(&mut service, request));
}

#[divan::bench]
fn refusal_layered(bencher: Bencher<'_, '_>) {
    let mut service = ClassifyLayer::new().layer(REFUSAL);
    bencher
        .with_inputs(request)
        .bench_local_values(|request| call(&mut service, request));
}

/// The worst bodies of 64 KiB that we could think of.
#[divan::bench(args = ["nested", "brackets", "members", "message", "quotes", "controls", "halves", "python", "labels", "tags"])]
fn worst_64_kib(bencher: Bencher<'_, '_>, name: &str) {
    const SIZE: usize = 64 * 1024;
    let mut body = match name {
        "nested" => {
            let mut body = "{\"message\":\"".to_owned() + &"\u{e9}\\n".repeat(SIZE / 12) + "\"}";
            for _ in 0..3 {
                let inner = serde_json::to_string(&body).unwrap();
                body = format!("{{\"error\":{{\"message\":{inner}}}}}\u{1}");
            }
            body
        }
        "brackets" => "[".repeat(SIZE),
        "members" => format!("{{{}\"x\":1}}", "\"a\":0,".repeat(SIZE / 6 - 2)),
        "message" => format!(
            "{{\"error\":{{\"message\":\"{}\"}}}}",
            "rate limit ".repeat(SIZE / 11 - 3)
        ),
        "quotes" => format!(
            "{{\"error\":{{\"message\":\"{}\"}}}}",
            "'a b` c".repeat(SIZE / 7 - 5)
        ),
        "labels" | "tags" => {
            let text = if name == "tags" { "< a " } else { "it is: " };
            let message = format!("{{\"message\":\"{}\"}},", text.repeat(4096 / text.len()));
            format!(
                "{{\"errors\":[{}0]}}",
                message.repeat(SIZE / message.len() - 1)
            )
        }
        "halves" => format!("{{\"message\":\"{}", "\\ud83d".repeat(SIZE / 6)),
        "python" => {
            let mut body = format!("{{'message': '{}'}}", "'\\x00".repeat(SIZE / 13));
            for _ in 0..3 {
                let inner = serde_json::to_string(&format!("XError - {body}")).unwrap();
                body = format!("{{\"error\":{{\"message\":{inner}}}}}\u{1}");
            }
            body
        }
        _ => format!(
            "{{\"error\":{{\"message\":\"{}\"}}}}",
            "\n".repeat(SIZE - 30)
        ),
    };
    body.truncate(SIZE);
    let headers = HeaderMap::new();
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        classify_response(
            StatusCode::BAD_REQUEST,
            &headers,
            black_box(body.as_bytes()),
            None,
        )
    });
}
