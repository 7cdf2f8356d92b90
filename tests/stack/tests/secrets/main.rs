//! Secrets in every place of a request, of an answer and of a client's errors: none of them is in anything
//! that is traced, at any level, nor in what `Debug` and `Display` print of layers, services, futures,
//! bodies, outcomes, errors and reports, nor in a snapshot's JSON, nor in the metrics, nor in the response
//! made of an error.

mod scenarios;

use std::error::Error;
use std::fmt::{self, Write as _};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use metrics_exporter_prometheus::PrometheusBuilder;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_steady::Steady;
use tower_steady::error_response::{OriginalError, error_response};
use tower_steady_backoff_jitter::RetryLayer;
use tower_steady_circuit_breaker::CircuitBreakerLayer;
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::key::{ByExtension, ByHost, BySecret, Model};
use tower_steady_core::{BoxError, Failure, Outcome, Report, StreamOutcome};
use tower_steady_deadline::{AttemptTimeoutLayer, DeadlineLayer};
use tower_steady_fallback::{
    Alternative, Degraded, FallbackLayer, Fixed, LastGood, Queue, Queued, Sink, Tried,
};
use tower_steady_replay_body::ReplayLayer;
use tower_steady_retry_after::{PauseLayer, RetryAfterLayer};
use tower_steady_retry_budget::{RetryBudgetLayer, SpendLayer};
use tower_steady_testkit::{Answer, Capture, Captured, Provider};

use self::scenarios::{MARK, OPERATORS, Scenario, request, scenarios, secret};

const SECOND: Duration = Duration::from_secs(1);

/// A client's error that says too much, as one does that names its URL.
#[derive(Debug)]
struct Leaky {
    url: String,
    source: BoxError,
}

impl fmt::Display for Leaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error sending request for {}", self.url)
    }
}

impl Error for Leaky {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

fn leaky(error: impl Into<BoxError>) -> BoxError {
    Box::new(Leaky {
        url: secret("transport"),
        source: error.into(),
    })
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
async fn no_secret_is_traced_printed_or_counted() {
    let capture = Capture::start();
    let recorder = PrometheusBuilder::new().build_recorder();
    let _local = metrics::set_default_local_recorder(&recorder);
    let mut printed = String::new();
    for scenario in scenarios() {
        play(scenario, &capture, &mut printed).await;
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
    assert_only_keys(&capture);

    let counted = recorder.handle().render();
    assert!(counted.lines().count() > 100, "{counted}");
    assert_eq!(leak(&counted), None, "counted");
    assert!(!counted.contains(OPERATORS), "a label from user input");
}

/// What the operator has chosen as a key is told as one, and in nothing else.
fn assert_only_keys(capture: &Capture) {
    let told = capture.from("tower_steady");
    let operators = |(_, value): &&(&str, String)| value.contains(OPERATORS);
    let places: std::collections::BTreeSet<_> = told
        .iter()
        .flat_map(|one: &Captured| one.fields.iter().filter(operators))
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(Vec::from_iter(places), ["key", "workflow"]);
    assert!(told.iter().all(|one| !one.message.contains(OPERATORS)));
}

async fn play(scenario: Scenario, capture: &Capture, printed: &mut String) {
    let name = scenario.name;
    let provider = Provider::new(scenario.script);
    let replay = ReplayLayer::with_limit(2048);
    let deadline = DeadlineLayer::builder().timeout(300 * SECOND);
    let deadline = deadline.build().unwrap();
    let retry = RetryLayer::builder()
        .attempt_header(http::HeaderName::from_static("x-attempt"))
        .idempotency_key(http::HeaderName::from_static("idempotency-key"))
        .build()
        .unwrap();
    let budget = RetryBudgetLayer::builder().capacity(3.0).build().unwrap();
    let spend = SpendLayer::builder().per_workflow(100).build().unwrap();
    let pause = PauseLayer::builder()
        .key((BySecret::api_key(), ByExtension::<Model>::new()))
        .build()
        .unwrap();
    let circuit = CircuitBreakerLayer::builder().consecutive_failures(4);
    let by_model = (ByHost, ByExtension::<Model>::new());
    let breaker = circuit.clone().key(by_model).build().unwrap();
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
        .layer(spend.clone())
        .layer(pause.clone())
        .layer(breaker.clone())
        .layer(per_key.clone())
        .layer(timeouts)
        .layer(RetryAfterLayer::new())
        .layer(classify.clone())
        .map_err(leaky)
        .service(provider.service());

    for _ in 0..scenario.calls {
        let mut request = request();
        (scenario.change)(&mut request);
        let ready = ServiceExt::<Request<Full<Bytes>>>::ready(&mut stack);
        let mut future = Box::pin(ready.await.unwrap().call(request));
        print(printed, &future);
        // Once more in its middle.
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx)));
        let result = match polled.await {
            std::task::Poll::Ready(result) => result,
            std::task::Poll::Pending => {
                print(printed, &future);
                tokio::time::sleep(SECOND / 100).await;
                print(printed, &future);
                future.await
            }
        };
        if let Err(error) = &result {
            assert!(Failure::find(&**error).is_some(), "{name}: {error:?}");
        }
        print_result(printed, result).await;
        print(printed, &stack);
    }
    print(
        printed,
        &(&replay, &deadline, &retry, &budget, &spend, &pause),
    );
    print(printed, &(&breaker, &per_key, &timeouts, &classify));
    print(
        printed,
        &(
            budget.handle(),
            spend.handle(),
            pause.handle(),
            breaker.handles(),
            per_key.handles(),
        ),
    );
    let whole = Steady::interactive()
        .with_budget((budget, spend))
        .with_pause(pause)
        .with_breaker(breaker);
    print(printed, &(&whole, whole.handle()));
    *printed += &serde_json::to_string(&whole.handle().snapshot()).unwrap();
    *printed += &serde_json::to_string(&per_key.snapshots()).unwrap();

    let sent = provider.calls();
    assert!(
        sent.iter().all(|call| format!("{call:?}").contains(MARK)),
        "{name}: secrets were sent"
    );
    assert_eq!(leak(printed), None, "{name}: printed");
    assert_eq!(leak(&capture.text()), None, "{name}: traced");
}

/// Takes nothing, and says too much.
#[derive(Clone, Debug)]
struct Closed;

impl Sink<Full<Bytes>> for Closed {
    fn put(&self, queued: Queued<Full<Bytes>>) -> Result<(), BoxError> {
        Err(format!("amqp://{}: {queued:?}", secret("queue")).into())
    }
}

#[tokio::test(start_paused = true)]
async fn nor_by_a_fallback_and_what_it_asks() {
    let capture = Capture::start();
    let recorder = PrometheusBuilder::new().build_recorder();
    let _local = metrics::set_default_local_recorder(&recorder);
    let mut printed = String::new();
    let question = |request: &Request<Full<Bytes>>| Some(request.uri().clone());
    let last_good = LastGood::builder().build(question).unwrap();
    let second = service_fn(|_: Request<Full<Bytes>>| async {
        Err::<Response<Full<Bytes>>, _>(leaky("unreachable"))
    });
    let fallback = FallbackLayer::new(last_good)
        .or(Alternative::new("second", second).unwrap())
        .or(Queue::new(Closed));
    let fixed = Fixed::new(Response::new(Bytes::from(secret("fixed"))));
    print(&mut printed, &(&fallback, &fixed));

    let mut calls = 0;
    let mut stack = ServiceBuilder::new()
        .layer(fallback.clone())
        .service(service_fn(move |_: Request<Full<Bytes>>| {
            calls += 1;
            let answer = Response::builder().header("x-echo", secret("echo"));
            let answer = answer.body(Full::from(secret("completion")));
            let result = if calls == 1 {
                answer.map_err(BoxError::from)
            } else {
                Err(leaky("reset"))
            };
            async { result }
        }));
    // A good answer, the last good one in place of an error, and nothing once that is too old.
    for wait in [0, 1, 1_000_000] {
        tokio::time::advance(wait * SECOND).await;
        let future = stack.ready().await.unwrap().call(request());
        print(&mut printed, &future);
        print_result(&mut printed, future.await).await;
    }
    print(&mut printed, &(&stack, fallback.handle()));
    printed += &serde_json::to_string(&fallback.handle().snapshot()).unwrap();
    let counted = recorder.handle().render();
    assert!(counted.contains("fallback"), "{counted}");
    assert_eq!(leak(&counted), None, "counted");
    assert_eq!(capture.from("tower_steady_fallback").len(), 4);
    assert_eq!(leak(&printed), None, "printed");
    assert_eq!(leak(&capture.text()), None, "traced");
}

/// All that the caller gets but what the provider or the client said itself.
async fn print_result<B>(printed: &mut String, result: Result<Response<B>, BoxError>)
where
    B: Body + fmt::Debug,
    B::Error: Into<BoxError>,
{
    let outcome = Outcome::read(&result);
    print(printed, &outcome);
    if let Some(veto) = &outcome.veto {
        write!(printed, "{veto}").unwrap();
    }
    if let Some(report) = Report::of(&result) {
        print(printed, report);
        write!(printed, "{report}").unwrap();
    }
    match result {
        Ok(response) => {
            print(printed, &response.extensions().get::<StreamOutcome>());
            print(printed, &response.extensions().get::<Degraded>());
            print(printed, &response.extensions().get::<Tried>());
            let mut body = Box::pin(response.into_body());
            print(printed, &body);
            while let Some(frame) = body.frame().await {
                print(printed, &body);
                if let Err(error) = frame {
                    print_error(printed, &*error.into());
                    break;
                }
            }
        }
        Err(error) => {
            print_error(printed, &*error);
            let answer = error_response(error);
            print(printed, &answer);
            print(printed, &answer.extensions().get::<OriginalError>());
        }
    }
}

fn print(printed: &mut String, value: &dyn fmt::Debug) {
    write!(printed, "{value:?} {value:#?}").unwrap();
}

/// An error and its sources, down to the client's own.
fn print_error(printed: &mut String, error: &(dyn Error + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next.filter(|error| !error.is::<Leaky>()) {
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
