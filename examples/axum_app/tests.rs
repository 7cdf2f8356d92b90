//! It ends well; and what Prometheus gets from the application under load: names that are documented, and nothing that the
//! callers sent.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt;
use tower_steady::metrics::{self as documented, Metric, describe_metrics};
use tower_steady_testkit::{Answer, Provider, Script, Sse};

/// No word that occurs otherwise.
const MARK: &str = "hush7f3a";
const CALLS: usize = 400;
const AT_ONCE: usize = 32;

/// Of ten tries one is overloaded, one limited, one refused for good, three are streams, one of which
/// breaks.
fn provider() -> Provider {
    let echo = |status| Answer::openai_error(status, MARK, MARK, Some(MARK));
    let answers = [
        Answer::ok_chat(MARK),
        echo(503),
        Answer::from(Sse::openai().text(MARK).done()),
        Answer::ok_chat(MARK),
        echo(400),
        Answer::from(Sse::openai().text(MARK).cut()),
        Answer::ok_chat(MARK),
        echo(429).retry_after(2),
        Answer::from(Sse::openai().text(MARK).done()),
        Answer::ok_chat(MARK),
    ];
    Provider::new(Script::new(answers.map(|answer| answer.header("x-request-id", MARK))).again())
}

fn request(number: usize) -> Request<Body> {
    Request::post(format!("/chat?key={MARK}-{number}"))
        .header("host", format!("{MARK}-{number}.test"))
        .header("authorization", format!("Bearer {MARK}"))
        .header(format!("x-{MARK}-{number}"), MARK)
        .body(Body::from(format!(r#"{{"model": "{MARK}-{number}"}}"#)))
        .unwrap()
}

/// A name as Prometheus has it.
fn sanitized(name: &str) -> String {
    name.replace('.', "_")
}

/// The metric of a line of samples: histograms have three kinds of them.
fn metric_of(line: &str) -> Option<&'static Metric> {
    let name = line.split(['{', ' ']).next()?;
    documented::all().find(|metric| {
        let known = sanitized(metric.name);
        let rest = name.strip_prefix(&known);
        rest.is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
    })
}

#[test]
fn it_ends_well() {
    super::main().unwrap();
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn prometheus_sees_the_documented_names_and_nothing_that_callers_sent() {
    let recorder = super::exporter().unwrap().build_recorder();
    let _installed = metrics::set_default_local_recorder(&recorder);
    describe_metrics();
    let server = provider().serve().await.unwrap();
    let app = super::app(&server.url(), recorder.handle()).unwrap();
    let ask = async |request: Request<Body>| {
        let answer = app.clone().oneshot(request).await.unwrap();
        // A stream that breaks breaks here too.
        let body = to_bytes(answer.into_body(), 1 << 20).await;
        String::from_utf8(body.unwrap_or_default().to_vec()).unwrap()
    };
    for first in (0..CALLS).step_by(AT_ONCE) {
        let batch = (first..first + AT_ONCE).map(|number| ask(request(number)));
        futures_util::future::join_all(batch).await;
    }
    for call in server.calls() {
        assert_eq!(call.headers["host"], server.address().to_string());
    }
    server.kill().await;
    for number in 0..6 {
        ask(request(number)).await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }

    let text = ask(Request::get("/metrics").body(Body::empty()).unwrap()).await;
    assert!(!text.contains(MARK), "{text}");
    let mut seen = BTreeSet::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let metric = metric_of(line).unwrap_or_else(|| panic!("not documented: {line}"));
        seen.insert(metric.name);
        let labels = line
            .split_once('{')
            .and_then(|(_, rest)| rest.rsplit_once('}'));
        for label in labels.iter().flat_map(|(labels, _)| labels.split(',')) {
            let key = label.split('=').next().unwrap();
            let known = metric.labels.iter().any(|label| sanitized(label) == key);
            assert!(known || key == "le", "{key} in {line}");
        }
    }
    for metric in documented::all().filter(|metric| seen.contains(metric.name)) {
        let help = format!("# HELP {} {}", sanitized(metric.name), metric.meaning);
        assert!(text.contains(&help), "{help}");
    }
    for metric in [
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "tower_steady.retry.attempts",
        "tower_steady.retry.retries",
        "tower_steady.retry.wait",
        "tower_steady.retry.give_ups",
        "tower_steady.circuit_breaker.circuits",
        "tower_steady.circuit_breaker.transitions",
        "tower_steady.circuit_breaker.rejections",
        "tower_steady.retry_after.wait",
        "tower_steady.pause.pauses",
        "tower_steady.pause.wait",
        "tower_steady.retry_budget.balance",
        "tower_steady.retry_budget.withdrawals",
        "tower_steady.classify.failures",
        "tower_steady.classify.stream_failures",
    ] {
        assert!(seen.contains(metric), "{metric} in {seen:?}");
    }
    let open = r#"tower_steady_circuit_breaker_circuits{name="openai",state="open"} 1"#;
    assert!(text.contains(open), "{text}");
}
