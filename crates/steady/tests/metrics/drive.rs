//! Stacks through everything that is counted, with a mark in every place of requests and answers.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use metrics::set_default_local_recorder;
use metrics_util::debugging::DebuggingRecorder;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_steady::backoff_jitter::{Jitter, RetryLayer};
use tower_steady::circuit_breaker::CircuitBreakerLayer;
use tower_steady::deadline::{AttemptTimeoutLayer, DeadlineLayer};
use tower_steady::fallback::{Alternative, FallbackLayer, Fixed};
use tower_steady::key::Model;
use tower_steady::replay_body::ReplayLayer;
use tower_steady::retry_after::PauseLayer;
use tower_steady::retry_budget::{RetryBudgetLayer, SpendLayer, Workflow};
use tower_steady::{BoxError, Deadline, Steady};
use tower_steady_testkit::{Answer, Provider, ProviderService, Sse};

use crate::recorded::{Series, series};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// No word that occurs otherwise.
const MARK: &str = "hush7f3a";

/// What everything here counts.
pub(crate) async fn everything() -> Vec<Series> {
    let recorder = DebuggingRecorder::new();
    let _installed = set_default_local_recorder(&recorder);
    tries_and_streams().await;
    circuits().await;
    pauses().await;
    budgets().await;
    timers().await;
    fallbacks().await;
    bodies().await;
    series(&recorder)
}

/// A request with the mark in every place.
pub(crate) fn request() -> Request<Full<Bytes>> {
    let uri = format!("http://user:{MARK}@{MARK}.test:81/{MARK}/chat?key={MARK}");
    let mut request = Request::post(uri)
        .header("authorization", format!("Bearer {MARK}"))
        .header("x-api-key", MARK)
        .header("idempotency-key", MARK)
        .body(Full::from(format!(r#"{{"model":"{MARK}"}}"#)))
        .unwrap();
    request.extensions_mut().insert(Model::new(MARK));
    request.extensions_mut().insert(Workflow::new(MARK));
    request
}

fn marked(answer: impl Into<Answer>) -> Answer {
    let answer = answer.into();
    answer
        .header("x-request-id", MARK)
        .header("x-error-type", MARK)
}

pub(crate) fn failing() -> Answer {
    marked(Answer::openai_error(503, MARK, MARK, Some(MARK)))
}

/// One call, and its answer to the last byte.
pub(crate) async fn call<L, B>(layer: &L, provider: &Provider)
where
    L: Layer<ProviderService>,
    L::Service: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError>,
    B: http_body::Body<Data = Bytes>,
{
    send(layer, provider, request()).await;
}

pub(crate) async fn send<L, B>(layer: &L, provider: &Provider, request: Request<Full<Bytes>>)
where
    L: Layer<ProviderService>,
    L::Service: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError>,
    B: http_body::Body<Data = Bytes>,
{
    let answer = layer.layer(provider.service()).oneshot(request).await;
    if let Ok(answer) = answer {
        let _ = answer.into_body().collect().await;
    }
}

/// Retries, a wait that the server asks for, a stream, and one that breaks.
async fn tries_and_streams() {
    let rate_limited = Answer::openai_error(429, MARK, MARK, None).retry_after(2);
    let provider = Provider::new([
        failing(),
        marked(rate_limited),
        marked(Answer::ok_chat(MARK)),
        marked(Sse::openai().text(MARK).done()),
        marked(Sse::openai().text(MARK).cut()),
        Answer::refused(),
        marked(Sse::openai().text(MARK).done()),
        marked(Answer::unauthorized()),
    ]);
    let stack = Steady::interactive_named("primary");
    for _ in 0..5 {
        call(&stack, &provider).await;
    }
    let known = marked(Answer::ok_chat(MARK));
    let provider = Provider::new([failing(), marked(Sse::openai().text(MARK).cut()), known]);
    let mut to_openai = request();
    *to_openai.uri_mut() = "https://api.openai.com/v1/chat/completions"
        .parse()
        .unwrap();
    send(&stack, &provider, to_openai.clone()).await;
}

/// A circuit opens, rejects, is half-open, opens again, closes, and is worked by hand.
async fn circuits() {
    let breaker = CircuitBreakerLayer::builder()
        .name(String::from("breaker"))
        .consecutive_failures(2)
        .open_for(SECOND)
        .jitter(0.0)
        .build()
        .unwrap();
    let provider = Provider::new([
        failing(),
        failing(),
        failing(),
        marked(Answer::ok_chat(MARK)),
    ]);
    for wait in [0, 0, 0, 2, 4] {
        tokio::time::advance(wait * SECOND).await;
        call(&breaker, &provider).await;
    }
    breaker.handle().force_open();
    call(&breaker, &provider).await;
    breaker.handle().force_closed();
    breaker.handle().reset();
}

/// Calls wait in a pause, give up on it, and find no place.
async fn pauses() {
    let pause = PauseLayer::builder()
        .name("pause")
        .max_wait(10 * SECOND)
        .max_waiting(1)
        .build()
        .unwrap();
    let provider = Provider::new(Answer::ok_chat(MARK));
    let key = provider_key(&pause).await;
    let handle = pause.handle();

    handle.pause(&key, 2 * SECOND);
    tokio::join!(call(&pause, &provider), call(&pause, &provider));
    handle.pause(&key, 20 * SECOND);
    call(&pause, &provider).await;
    let mut urgent = request();
    let soon = tokio::time::Instant::now() + SECOND;
    urgent
        .extensions_mut()
        .insert(Deadline::at(soon.into_std()));
    send(&pause, &provider, urgent).await;
}

/// The key that the pause gives to our requests.
async fn provider_key(pause: &PauseLayer) -> tower_steady::key::Label {
    let provider = Provider::new(marked(Answer::rate_limited().retry_after_ms(1)));
    let hints = tower_steady::retry_after::RetryAfterLayer::new();
    let stack = ServiceBuilder::new().layer(pause.clone()).layer(hints);
    call(&stack, &provider).await;
    pause.handle().keys()[0].key.clone()
}

/// A budget grants, takes back and refuses; so does a ledger, by each of its limits.
async fn budgets() {
    let retry = || {
        RetryLayer::builder()
            .jitter(Jitter::None)
            .name("retry")
            .build()
            .unwrap()
    };
    let budget = RetryBudgetLayer::builder()
        .name("budget")
        .capacity(1.0)
        .reserve_per_second(0.0)
        .build()
        .unwrap();
    let breaker = || {
        let builder = CircuitBreakerLayer::builder().name("breaker");
        builder.consecutive_failures(1).build().unwrap()
    };
    let provider = Provider::new(failing());
    // The retry is granted, rejected by the circuit, and so given back.
    let stack = ServiceBuilder::new()
        .layer(retry())
        .layer(budget.clone())
        .layer(breaker());
    call(&stack, &provider).await;
    let stack = ServiceBuilder::new().layer(retry()).layer(budget);
    call(&stack, &provider).await;

    let ledger = |limit: &str| {
        let builder = SpendLayer::builder().name("ledger").cost(|_| 2);
        let builder = match limit {
            "per_request" => builder.per_request(1),
            "per_workflow" => builder.per_workflow(1),
            "per_hour" => builder.per_hour(1),
            _ => builder,
        };
        builder.build().unwrap()
    };
    for limit in ["per_request", "per_workflow", "per_hour", "none"] {
        let stack = ServiceBuilder::new()
            .layer(retry())
            .layer(ledger(limit))
            .layer(breaker());
        call(&stack, &provider).await;
    }
}

/// A deadline before and during the call, and each timer of an attempt.
async fn timers() {
    let deadline = DeadlineLayer::builder().timeout(SECOND).build().unwrap();
    let hanging = Provider::new(Answer::hang());
    call(&deadline, &hanging).await;
    let mut late = request();
    let now = tokio::time::Instant::now().into_std();
    late.extensions_mut().insert(Deadline::at(now));
    send(&deadline, &hanging, late).await;

    let limits = || AttemptTimeoutLayer::builder().first_output(None).idle(None);
    call(&limits().headers(SECOND).build().unwrap(), &hanging).await;
    call(&limits().first_output(SECOND).build().unwrap(), &hanging).await;
    let stalls = Provider::new(marked(Sse::openai().text(MARK).hang()));
    call(&limits().idle(SECOND).build().unwrap(), &stalls).await;
    let mut timed = request();
    timed
        .extensions_mut()
        .insert(Deadline::at(now + 2 * SECOND));
    send(&limits().build().unwrap(), &hanging, timed).await;
}

/// A fallback that has no answer, and one that has.
async fn fallbacks() {
    let provider = Provider::new(failing());
    let other = Provider::new(failing());
    let other = Alternative::new("second", other.service()).unwrap();
    let fixed = Fixed::new(Response::new(Bytes::from_static(MARK.as_bytes())));
    call(&FallbackLayer::new(other.clone()), &provider).await;
    call(&FallbackLayer::new(other).or(fixed), &provider).await;
}

async fn bodies() {
    let service = ServiceBuilder::new()
        .layer(ReplayLayer::with_limit(1))
        .service(tower::service_fn(|_: Request<_>| async {
            Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
        }));
    let _ = service.oneshot(request()).await;
}
