//! Requests with a secret in each place, and answers that have secrets too or echo those.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower_steady_backoff_jitter::NonIdempotent;
use tower_steady_core::Deadline;
use tower_steady_core::key::Model;
use tower_steady_retry_budget::Workflow;
use tower_steady_testkit::{Answer, Script, Sse};

/// No word that occurs otherwise; a secret of each place ends in the place's name.
pub(crate) const MARK: &str = "hush7f3a";

pub(crate) fn secret(place: &str) -> String {
    format!("{MARK}-{place}")
}

/// What the operator has chosen as a key may be shown as one, and nowhere else.
pub(crate) const OPERATORS: &str = "own9c41d";

fn operators(place: &str) -> String {
    format!("{OPERATORS}-{place}")
}

pub(crate) fn request() -> Request<Full<Bytes>> {
    let uri = format!(
        "http://user:{}@provider.test/v1/{}/chat?api_key={}",
        secret("userinfo"),
        secret("path"),
        secret("query"),
    );
    let body = format!(r#"{{"model":"m","prompt":"{}"}}"#, secret("prompt"));
    Request::post(uri)
        .header(
            "authorization",
            format!("Bearer {}", secret("authorization")),
        )
        .header("x-api-key", secret("x-api-key"))
        .header("cookie", format!("session={}", secret("cookie")))
        .header("idempotency-key", secret("idempotency"))
        .header("x-request-id", secret("id-of-the-request"))
        .header("grpc-timeout", secret("timeout"))
        .header("x-tenant", secret("tenant"))
        .extension(Model::new(&operators("model")))
        .extension(Workflow::new(operators("workflow")))
        .body(Full::from(body))
        .unwrap()
}

/// Gives an answer secrets of its own. Errors echo what was sent.
fn telling(answer: impl Into<Answer>) -> Answer {
    let answer = answer.into();
    answer
        .header("set-cookie", format!("session={}", secret("set-cookie")))
        .header("x-echo", secret("echo"))
        .header("location", format!("/?key={}", secret("location")))
}

fn error(status: u16, code: &str) -> Answer {
    let message = format!(
        "No: {} is not allowed to say {}",
        secret("key-echo"),
        secret("echo")
    );
    telling(Answer::openai_error(
        status,
        &message,
        &secret("type"),
        Some(code),
    ))
}

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) script: Script,
    pub(crate) calls: usize,
    pub(crate) change: fn(&mut Request<Full<Bytes>>),
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, script: Script| Scenario {
        name,
        script,
        calls: 1,
        change: |_| {},
    };
    let server_error = || error(500, "server_error");
    let hinted = |value: &str| error(429, "rate_limit_exceeded").header("retry-after", value);
    vec![
        scenario(
            "success",
            telling(Answer::ok_chat(&secret("completion"))).into(),
        ),
        scenario(
            "retried",
            Script::new([server_error(), hinted("1")]).then(Answer::ok_chat("x")),
        ),
        scenario("given up", server_error().into()),
        scenario("final", error(401, "invalid_api_key").into()),
        scenario("quota", error(429, "insufficient_quota").into()),
        scenario("unknown code", error(418, &secret("code")).into()),
        scenario("unreadable hint", hinted(&secret("retry-after")).into()),
        scenario("long hint", hinted("99999").into()),
        scenario(
            "odd id",
            server_error()
                .header("request-id", "not an id, with spaces")
                .into(),
        ),
        scenario(
            "no JSON",
            telling(Answer::new(503).body(secret("page"))).into(),
        ),
        scenario(
            "broken JSON",
            telling(
                Answer::new(400).json(format!("{{\"error\":{{\"message\":\"{}", secret("broken"))),
            )
            .into(),
        ),
        scenario(
            "not gzip",
            error(400, "x").header("content-encoding", "gzip").into(),
        ),
        scenario(
            "error in a 200",
            telling(Answer::new(200).json(format!(
                "{{\"error\":{{\"message\":\"{}\"}}}}",
                secret("in-200")
            )))
            .into(),
        ),
        scenario(
            "grpc",
            telling(Answer::grpc_error(8, &secret("grpc-message"))).into(),
        ),
        scenario(
            "grpc, late",
            telling(Answer::grpc_then(b"m", 14, &secret("grpc-late"))).into(),
        ),
        scenario("reset", Answer::reset().into()),
        scenario("refused", Answer::refused().into()),
        scenario("hang", Answer::hang().into()),
        scenario(
            "slow body",
            telling(Answer::new(503).body(secret("slow")).hang_after(3)).into(),
        ),
        scenario(
            "stream",
            telling(Sse::openai().text(&secret("token")).done()).into(),
        ),
        scenario(
            "stream, early error",
            telling(Sse::openai().error("x", "x", &secret("early"))).into(),
        ),
        scenario(
            "stream, late error",
            telling(Sse::openai().text("x").error("x", "x", &secret("late"))).into(),
        ),
        scenario(
            "stream, cut",
            telling(Sse::anthropic().text(&secret("cut")).cut()).into(),
        ),
        scenario(
            "stream, rubbish",
            telling(Sse::new().raw(secret("rubbish")).cut()).into(),
        ),
        scenario(
            "stream, stalls",
            telling(Sse::anthropic().text(&secret("stall")).hang()).into(),
        ),
        Scenario {
            calls: 8,
            ..scenario("circuit, budget", server_error().into())
        },
        Scenario {
            calls: 3,
            ..scenario("paused", hinted("40").into())
        },
        Scenario {
            change: |request| {
                request.extensions_mut().insert(NonIdempotent);
            },
            ..scenario("not idempotent", server_error().into())
        },
        Scenario {
            change: |request| {
                let past = tokio::time::Instant::now().into_std();
                request.extensions_mut().insert(Deadline::at(past));
            },
            ..scenario("past its deadline", server_error().into())
        },
        Scenario {
            change: |request| *request.body_mut() = Full::from(vec![b'x'; 4096]),
            ..scenario("over the replay limit", server_error().into())
        },
    ]
}
