//! What a user would pick instead, with documented settings.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use failsafe::backoff::{self, Exponential};
use failsafe::failure_policy::{self, ConsecutiveFailures, SuccessRateOverTimeWindow};
use failsafe::{Config, StateMachine};
use http::{Request, Response};
use http_body_util::Full;
use tower::ServiceBuilder;
use tower::layer::util::{Identity, Stack};
use tower::retry::Policy;
use tower::retry::backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff};
use tower::retry::budget::{Budget, TpsBudget};
use tower::util::rng::HasherRng;

type Req = Request<Full<Bytes>>;
type Res = Response<Full<Bytes>>;

/// `tower::retry` with its own backoff and budget, the policy a user has to write.
#[derive(Clone, Debug)]
pub struct TowerPolicy {
    budget: Arc<TpsBudget>,
    backoff: ExponentialBackoff,
}

impl Default for TowerPolicy {
    fn default() -> Self {
        let mut maker = ExponentialBackoffMaker::new(
            Duration::from_millis(500),
            Duration::from_secs(30),
            1.0,
            HasherRng::default(),
        )
        .expect("a valid backoff");
        Self {
            budget: Arc::default(),
            backoff: maker.make_backoff(),
        }
    }
}

impl<B, E> Policy<Req, Response<B>, E> for TowerPolicy {
    type Future = tokio::time::Sleep;

    fn retry(&mut self, _: &mut Req, result: &mut Result<Response<B>, E>) -> Option<Self::Future> {
        let failed = matches!(result, Ok(response) if response.status().is_server_error());
        if !failed {
            self.budget.deposit();
            return None;
        }
        self.budget.withdraw().then(|| self.backoff.next_backoff())
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

/// `tower::retry` as above.
pub fn tower_retry() -> tower::retry::RetryLayer<TowerPolicy> {
    tower::retry::RetryLayer::new(TowerPolicy::default())
}

/// `tower::retry` with tokio's timer for a delay of zero.
#[derive(Clone, Copy, Debug)]
pub struct AtOnce;

impl<E> Policy<Req, Res, E> for AtOnce {
    type Future = tokio::time::Sleep;

    fn retry(&mut self, _: &mut Req, result: &mut Result<Res, E>) -> Option<Self::Future> {
        let failed = matches!(result, Ok(response) if response.status().is_server_error());
        failed.then(|| tokio::time::sleep(Duration::ZERO))
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

/// `tower::retry` as above, without a delay.
pub fn tower_retry_at_once() -> tower::retry::RetryLayer<AtOnce> {
    tower::retry::RetryLayer::new(AtOnce)
}

/// tower-resilience's retry without a delay.
pub fn resilience_retry_at_once() -> tower_resilience_retry::RetryLayer<Req, Res, Infallible> {
    tower_resilience_retry::RetryLayer::builder()
        .max_attempts(3)
        .fixed_backoff(Duration::ZERO)
        .retry_on_response(|response: &Res| response.status().is_server_error())
        .build()
}

/// tower-resilience's retry with its token bucket.
pub fn resilience_retry() -> tower_resilience_retry::RetryLayer<Req, Res, Infallible> {
    let budget = tower_resilience_retry::RetryBudgetBuilder::new()
        .token_bucket()
        .build()
        .expect("a valid budget");
    tower_resilience_retry::RetryLayer::builder()
        .max_attempts(3)
        .exponential_backoff(Duration::from_millis(500))
        .retry_on_response(|response: &Res| response.status().is_server_error())
        .budget(budget)
        .build()
}

/// tower-resilience's breaker, counting.
pub fn resilience_breaker() -> tower_resilience_circuitbreaker::CircuitBreakerLayer {
    tower_resilience_circuitbreaker::CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(100)
        .build()
        .expect("a valid breaker")
}

/// Both, outermost first.
#[must_use]
pub fn retry_and_breaker() -> ServiceBuilder<
    Stack<
        tower_resilience_circuitbreaker::CircuitBreakerLayer,
        Stack<tower::retry::RetryLayer<TowerPolicy>, Identity>,
    >,
> {
    ServiceBuilder::new()
        .layer(tower_retry())
        .layer(resilience_breaker())
}

/// failsafe's breaker on consecutive failures.
#[must_use]
pub fn failsafe_consecutive() -> StateMachine<ConsecutiveFailures<Exponential>, ()> {
    let backoff = backoff::exponential(Duration::from_secs(10), Duration::from_secs(60));
    Config::new()
        .failure_policy(failure_policy::consecutive_failures(5, backoff))
        .build()
}

/// failsafe's breaker on a success rate over a window.
#[must_use]
pub fn failsafe_window() -> StateMachine<SuccessRateOverTimeWindow<Exponential>, ()> {
    let backoff = backoff::exponential(Duration::from_secs(10), Duration::from_secs(60));
    Config::new()
        .failure_policy(failure_policy::success_rate_over_time_window(
            0.5,
            20,
            Duration::from_secs(10),
            backoff,
        ))
        .build()
}

/// failsafe is no tower layer: its breaker around the bare call, as its documentation shows.
pub fn failsafe<B>(breaker: B) -> crate::drive::Factory
where
    B: failsafe::CircuitBreaker + Clone + Send + Sync + 'static,
{
    crate::drive::service(Failsafe(breaker), crate::request::mix)
}

/// failsafe as a service, calling the bare one under the breaker.
#[derive(Clone)]
struct Failsafe<B>(B);

impl<B: failsafe::CircuitBreaker> tower::Service<Req> for Failsafe<B> {
    type Response = Res;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Res, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let answer = self.0.call(|| {
            let ready = crate::bare::Bare.call(request);
            ready.into_inner()
        });
        std::future::ready(Ok(answer.expect("the breaker lets it through")))
    }
}

/// backon around the bare call: the request is cloned for each try.
#[must_use]
pub fn backon() -> crate::drive::Factory {
    crate::drive::service(Backon, crate::request::mix)
}

#[derive(Clone)]
struct Backon;

type BackonFuture = std::pin::Pin<Box<dyn Future<Output = Result<Res, Infallible>> + Send>>;

impl tower::Service<Req> for Backon {
    type Response = Res;
    type Error = Infallible;
    type Future = BackonFuture;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> BackonFuture {
        use backon::Retryable as _;
        let try_once = move || {
            let request = request.clone();
            async move { crate::bare::Bare.call(request).await }
        };
        Box::pin(async move {
            try_once
                .retry(backon::ExponentialBuilder::default().with_jitter())
                .await
        })
    }
}

/// A deposit into tower's budget.
#[must_use]
pub fn tps_deposit() -> crate::drive::Factory {
    let budget: Arc<TpsBudget> = Arc::default();
    crate::drive::steps(move || budget.deposit())
}

/// The error body as a whole JSON tree.
#[must_use]
pub fn json_value() -> crate::drive::Factory {
    crate::drive::steps(|| {
        let value: serde_json::Value =
            serde_json::from_slice(crate::parts::ERROR_BODY).expect("valid JSON");
        std::hint::black_box(value);
    })
}
