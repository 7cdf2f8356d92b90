//! Readiness through the whole stack: who waits between tries holds none of it, who refuses a call gives
//! it back, an open circuit needs none, and one that fails costs nobody an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use stack::{Parts, RequestBody, call, chat};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_layer::Layer;
use tower_steady_backoff_jitter::RetryLayer;
use tower_steady_circuit_breaker::CircuitBreakerLayer;
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::key::Label;
use tower_steady_core::{Attempt, BoxError, Class, Deadline, Failure, VetoReason};
use tower_steady_deadline::{AttemptTimeoutLayer, DeadlineLayer};
use tower_steady_replay_body::ReplayLayer;
use tower_steady_retry_after::{PauseLayer, RetryAfterLayer};
use tower_steady_retry_budget::{RetryBudgetLayer, SpendLayer};
use tower_steady_testkit::{Answer, AnswerBody, Provider, ProviderService, ResponseFuture, Script};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn waiting_between_tries_starves_nobody_behind_a_shared_limit() {
    for (name, refusal) in [
        ("backoff", Answer::unavailable().retry_after(30)),
        ("pause", Answer::rate_limited().retry_after(30)),
    ] {
        let provider = Provider::new(Answer::ok_chat("Hello")).route(
            "/slow/v1/chat/completions",
            Script::new([refusal]).then(Answer::ok_chat("late")),
        );
        let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::new(Semaphore::new(1)));
        let stack = || Parts::default().canonical(limit.layer(provider.service()));
        let (slow, other) = (stack(), stack());
        let (slow, ()) = tokio::join!(call(&slow, chat("http://p/slow")), async {
            tokio::time::sleep(SECOND).await;
            let start = Instant::now();
            assert_eq!(
                call(&other, chat("http://p")).await.unwrap().status,
                200,
                "{name}"
            );
            assert_eq!(
                start.elapsed(),
                Duration::ZERO,
                "{name}: waited for a sleeper"
            );
        });
        let slow = slow.unwrap();
        assert_eq!(slow.status, 200, "{name}");
        assert!(slow.elapsed >= 30 * SECOND, "{name}");
    }
}

/// Ready under a limit of one, and then refused by a layer above it.
async fn free_after_a_refusal<L>(
    layer: L,
    request: Request<RequestBody>,
    shut: impl Fn(&L),
) -> usize
where
    L: Layer<ConcurrencyLimit<ProviderService>>,
    L::Service: Service<Request<RequestBody>, Error = BoxError>,
{
    let provider = Provider::new(Answer::new(200));
    let permits = Arc::new(Semaphore::new(1));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
    let mut service = layer.layer(limit.layer(provider.service()));
    let ready = service.ready().await.unwrap_or_else(|_| panic!("ready"));
    assert_eq!(permits.available_permits(), 0, "nothing reserved yet");
    shut(&layer);
    let error = ready.call(request).await.err().expect("a refusal");
    let outcome = Failure::find(&*error).unwrap().outcome();
    assert_eq!(outcome.class, Class::Rejected);
    assert_eq!(provider.calls().len(), 0);
    // The service itself is still there, and idle.
    permits.available_permits()
}

#[tokio::test(start_paused = true)]
async fn who_refuses_a_call_gives_its_slot_of_a_shared_limit_back() {
    fn with<N: Clone + Send + Sync + 'static>(note: N) -> Request<RequestBody> {
        let mut request = chat("http://p");
        request.extensions_mut().insert(note);
        request
    }
    let late = || with(Deadline::at(Instant::now().into_std()));
    let unpaid = || with(Attempt::new(2, false));
    let budget = RetryBudgetLayer::builder().initial(0.0).build().unwrap();
    let spend = SpendLayer::builder().per_request(1).build().unwrap();
    let pause = PauseLayer::builder().max_wait(Duration::ZERO);
    let pause = pause.build().unwrap();
    let close = |pause: &PauseLayer| assert!(pause.handle().pause(&Label::new("p"), SECOND));
    let open = |breaker: &CircuitBreakerLayer| breaker.handle().force_open();
    let freed = [
        (
            "deadline",
            free_after_a_refusal(DeadlineLayer::new(), late(), |_| ()).await,
        ),
        (
            "timeouts",
            free_after_a_refusal(AttemptTimeoutLayer::new(), late(), |_| ()).await,
        ),
        (
            "budget",
            free_after_a_refusal(budget, unpaid(), |_| ()).await,
        ),
        ("spend", free_after_a_refusal(spend, unpaid(), |_| ()).await),
        (
            "pause",
            free_after_a_refusal(pause, chat("http://p"), close).await,
        ),
        (
            "breaker",
            free_after_a_refusal(CircuitBreakerLayer::new(), chat("http://p"), open).await,
        ),
    ];
    for (layer, free) in freed {
        assert_eq!(free, 1, "{layer} holds a slot for a call it refused");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_fails_fast_over_a_service_that_is_not_ready() {
    let provider = Provider::new(Answer::server_error());
    let permits = Arc::new(Semaphore::new(1));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
    let breaker = CircuitBreakerLayer::builder()
        .consecutive_failures(1)
        .build()
        .unwrap();
    let parts = Parts {
        breaker,
        ..Parts::default()
    };
    let stack = parts.canonical(limit.layer(provider.service()));
    call(&stack, chat("http://provider")).await.unwrap();

    let _all = permits.acquire_many(1).await.unwrap();
    let start = Instant::now();
    let error = call(&stack, chat("http://provider")).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(
        Failure::find(&*error).unwrap().outcome().class,
        Class::Rejected
    );
}

/// A service that is ready once, and broken ever after.
#[derive(Clone)]
struct ReadyOnce {
    inner: ProviderService,
    asked: Arc<AtomicUsize>,
}

impl Service<Request<RequestBody>> for ReadyOnce {
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = futures_util::future::ErrInto<ResponseFuture, BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.asked.fetch_add(1, Ordering::SeqCst) > 0 {
            return Poll::Ready(Err("broken".into()));
        }
        Service::<Request<RequestBody>>::poll_ready(&mut self.inner, cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        futures_util::TryFutureExt::err_into(self.inner.call(request))
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_that_fails_on_a_retry_gives_the_kept_answer_back() {
    let answer = Answer::overloaded();
    let provider = Provider::new(answer.clone());
    let service = ReadyOnce {
        inner: provider.service(),
        asked: Arc::default(),
    };
    let parts = Parts::default();
    let answered = call(&parts.canonical(service), chat("http://provider"))
        .await
        .unwrap();
    assert_eq!(
        (answered.status, &answered.body),
        (answer.status(), &answer.bytes())
    );
    assert_eq!(answered.veto(), Some(VetoReason::NotSent));
    assert_eq!(answered.report.unwrap().sends(), 1);
    let budget = parts.budget.handle().snapshot();
    assert_eq!(
        budget.granted, budget.returned,
        "what was not sent is not paid"
    );
}

#[test]
fn a_stack_of_all_layers_is_as_shareable_as_its_client() {
    fn shareable<T: Clone + Send + Sync + std::fmt::Debug + 'static>(_: &T) {}
    fn future_of<S, B>(_: &S)
    where
        S: Service<Request<B>, Error = BoxError>,
        S::Future: Send + std::fmt::Debug,
    {
    }
    let layers = ServiceBuilder::new()
        .layer(ReplayLayer::new())
        .layer(DeadlineLayer::new())
        .layer(RetryLayer::new())
        .layer(RetryBudgetLayer::new())
        .layer(PauseLayer::new())
        .layer(CircuitBreakerLayer::new())
        .layer(AttemptTimeoutLayer::new())
        .layer(RetryAfterLayer::new())
        .layer(ClassifyLayer::new());
    let stack = layers.service(Provider::new(Answer::new(200)).service());
    shareable(&stack);
    future_of::<_, http_body_util::Full<bytes::Bytes>>(&stack);
    // A body that is not `Sync` costs neither the service nor the layers anything.
    future_of::<_, axum::body::Body>(&stack);
}
