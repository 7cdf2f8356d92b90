//! Secrets in every place of a request and of an answer: none of them is in anything that is traced, at
//! any level, nor in what `Debug` and `Display` print of layers, services, futures, bodies, outcomes,
//! errors and reports.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_steady_backoff_jitter::{NonIdempotent, RetryLayer};
use tower_steady_circuit_breaker::CircuitBreakerLayer;
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::key::{ByHost, BySecret};
use tower_steady_core::{Deadline, Failure, Outcome, Report, StreamOutcome};
use tower_steady_deadline::{AttemptTimeoutLayer, DeadlineLayer};
use tower_steady_replay_body::ReplayLayer;
use tower_steady_retry_after::{PauseLayer, RetryAfterLayer};
use tower_steady_retry_budget::RetryBudgetLayer;
use tower_steady_testkit::{Answer, Capture, Provider, Script, Sse};

const SECOND: Duration = Duration::from_secs(1);

/// No word that occurs otherwise; a secret of each place ends in the place's name.
const MARK: &str = "hush7f3a";

fn secret(place: &str) -> String {
    format!("{MARK}-{place}")
}

fn request() -> Request<Full<Bytes>> {
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

struct Scenario {
    name: &'static str,
    script: Script,
    calls: usize,
    change: fn(&mut Request<Full<Bytes>>),
}

fn scenarios() -> Vec<Scenario> {
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

/// Says where the first secret stands, or nothing.
fn leak(text: &str) -> Option<&str> {
    let at = text.find(MARK)?;
    let mut start = at.saturating_sub(300);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    Some(&text[start..text.len().min(at + 40)])
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_traced_or_printed() {
    let capture = Capture::start();
    let mut printed = String::new();
    for scenario in scenarios() {
        let name = scenario.name;
        let provider = Provider::new(scenario.script);
        let replay = ReplayLayer::with_limit(2048);
        let deadline = DeadlineLayer::builder()
            .timeout(300 * SECOND)
            .build()
            .unwrap();
        let retry = RetryLayer::builder()
            .attempt_header(http::HeaderName::from_static("x-attempt"))
            .idempotency_key(http::HeaderName::from_static("idempotency-key"))
            .build()
            .unwrap();
        let budget = RetryBudgetLayer::builder().capacity(3.0).build().unwrap();
        let pause = PauseLayer::builder()
            .key(BySecret::api_key())
            .build()
            .unwrap();
        let circuit = CircuitBreakerLayer::builder().consecutive_failures(4);
        let breaker = circuit.clone().key(ByHost).build().unwrap();
        let per_key = circuit.key(BySecret::api_key()).build().unwrap();
        let timeouts = AttemptTimeoutLayer::builder()
            .headers(20 * SECOND)
            .idle(20 * SECOND);
        let timeouts = timeouts.build().unwrap();
        let classify = ClassifyLayer::new();

        let mut stack = ServiceBuilder::new()
            .layer(replay)
            .layer(deadline.clone())
            .layer(retry.clone())
            .layer(budget.clone())
            .layer(pause.clone())
            .layer(breaker.clone())
            .layer(per_key.clone())
            .layer(timeouts)
            .layer(RetryAfterLayer::new())
            .layer(classify.clone())
            .service(provider.service());

        for _ in 0..scenario.calls {
            let mut request = request();
            (scenario.change)(&mut request);
            let ready = ServiceExt::<Request<Full<Bytes>>>::ready(&mut stack);
            let mut future = Box::pin(ready.await.unwrap().call(request));
            print(&mut printed, &future);
            // Once more in its middle.
            let polled =
                std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx)));
            let result = match polled.await {
                std::task::Poll::Ready(result) => result,
                std::task::Poll::Pending => {
                    print(&mut printed, &future);
                    tokio::time::sleep(SECOND / 100).await;
                    print(&mut printed, &future);
                    future.await
                }
            };
            let outcome = Outcome::read(&result);
            print(&mut printed, &outcome);
            if let Some(veto) = &outcome.veto {
                write!(printed, "{veto}").unwrap();
            }
            if let Some(report) = Report::of(&result) {
                print(&mut printed, report);
                write!(printed, "{report}").unwrap();
            }
            match result {
                Ok(response) => {
                    print(&mut printed, &response.extensions().get::<StreamOutcome>());
                    let mut body = response.into_body();
                    print(&mut printed, &body);
                    while let Some(frame) = body.frame().await {
                        print(&mut printed, &body);
                        if let Err(error) = frame {
                            print_error(&mut printed, &*error);
                            break;
                        }
                    }
                }
                Err(error) => {
                    assert!(Failure::find(&*error).is_some(), "{name}: {error:?}");
                    print_error(&mut printed, &*error);
                }
            }
            print(&mut printed, &stack);
        }
        print(&mut printed, &(&replay, &deadline, &retry, &budget, &pause));
        print(&mut printed, &(&breaker, &per_key, &timeouts, &classify));
        print(
            &mut printed,
            &(
                budget.handle(),
                pause.handle(),
                breaker.handles(),
                per_key.handles(),
            ),
        );

        let sent = provider.calls();
        assert!(
            sent.iter().all(|call| format!("{call:?}").contains(MARK)),
            "{name}: secrets were sent"
        );
        assert_eq!(leak(&printed), None, "{name}: printed");
        assert_eq!(leak(&capture.text()), None, "{name}: traced");
    }

    // That nothing was found must not be because there was nothing to search.
    assert!(printed.len() > 100_000, "{} bytes", printed.len());
    for crate_name in [
        "backoff_jitter",
        "classify",
        "circuit_breaker",
        "deadline",
        "replay_body",
        "retry_after",
        "retry_budget",
    ] {
        let target = format!("tower_steady_{crate_name}");
        assert!(!capture.from(&target).is_empty(), "{target} traced nothing");
    }
}

fn print(printed: &mut String, value: &dyn std::fmt::Debug) {
    write!(printed, "{value:?} {value:#?}").unwrap();
}

fn print_error(printed: &mut String, error: &(dyn std::error::Error + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        write!(printed, "{error} {error:?}").unwrap();
        next = error.source();
    }
}

#[tokio::test(start_paused = true)]
async fn every_retry_is_one_warning_with_what_a_person_needs() {
    let capture = Capture::start();
    let provider = Provider::new([
        Answer::overloaded(),
        Answer::rate_limited().retry_after(3),
        Answer::ok_chat("Hello"),
    ]);
    let stack = stack::Parts::default().canonical(provider.service());
    stack::call(&stack, stack::chat("http://provider"))
        .await
        .unwrap();

    let warnings = capture.at(tracing::Level::WARN);
    let retries: Vec<_> = warnings
        .iter()
        .filter(|event| event.target.starts_with("tower_steady_backoff_jitter"))
        .collect();
    assert_eq!(retries.len(), 2, "{}", capture.text());
    let expected = [
        ("overloaded", "529", "req_0001"),
        ("rate_limited", "429", "req_0002"),
    ];
    for (retry, (class, status, id)) in retries.iter().zip(expected) {
        assert_eq!(retry.field("class"), Some(class));
        assert_eq!(retry.field("status"), Some(status));
        assert_eq!(retry.field("request_id"), Some(id));
        assert!(retry.field("wait_ms").is_some() && retry.field("attempt").is_some());
    }
    let wait: u64 = retries[1].field("wait_ms").unwrap().parse().unwrap();
    assert!(wait >= 3000, "{wait}");
}
