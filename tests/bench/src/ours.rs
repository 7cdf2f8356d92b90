//! Our own layers with their defaults.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::layer::util::{Identity, Stack};
use tower::{Layer, Service, ServiceBuilder};
use tower_steady::BoxError;
use tower_steady::backoff_jitter::{RetryLayer, Schedule};
use tower_steady::circuit_breaker::{CircuitBreakerBuilder, CircuitBreakerLayer};
use tower_steady::classify::ClassifyLayer;
use tower_steady::deadline::{AttemptTimeoutLayer, DeadlineLayer};
use tower_steady::retry_after::{PauseLayer, RetryAfterLayer};
use tower_steady::retry_budget::RetryBudgetLayer;

use crate::bare::Bare;
use crate::cases::{Contender, over};

type Req = Request<Full<Bytes>>;

/// Retry loop and budget.
#[must_use]
pub fn retry_and_budget() -> ServiceBuilder<Stack<RetryBudgetLayer, Stack<RetryLayer, Identity>>> {
    ServiceBuilder::new()
        .layer(RetryLayer::new())
        .layer(RetryBudgetLayer::new())
}

/// The retry loop without a delay.
#[must_use]
pub fn retry_at_once() -> RetryLayer {
    RetryLayer::builder()
        .schedule(Schedule::fixed(Duration::ZERO))
        .build()
        .expect("a valid loop")
}

/// The breaker on consecutive failures alone.
#[must_use]
pub fn breaker() -> CircuitBreakerLayer {
    CircuitBreakerLayer::new()
}

/// The breaker with a failure rate over a window and a slow-call rate.
#[must_use]
pub fn breaker_with_window() -> CircuitBreakerLayer {
    CircuitBreakerBuilder::half_of_twenty()
        .slow_calls(Duration::from_secs(30), 0.5)
        .build()
        .expect("a valid breaker")
}

/// The five layers and the pause, outermost first.
pub type All = ServiceBuilder<
    Stack<
        ClassifyLayer,
        Stack<
            RetryAfterLayer,
            Stack<
                CircuitBreakerLayer,
                Stack<PauseLayer, Stack<RetryBudgetLayer, Stack<RetryLayer, Identity>>>,
            >,
        >,
    >,
>;

/// Retry, budget, pause, breaker, hints, classify.
#[must_use]
pub fn all() -> All {
    all_over(ClassifyLayer::new())
}

/// The same, taking a success in JSON at its word.
#[must_use]
pub fn all_without_look() -> All {
    let classify = ClassifyLayer::builder().json_look(false).build();
    all_over(classify.expect("a valid classifier"))
}

fn all_over(classify: ClassifyLayer) -> All {
    ServiceBuilder::new()
        .layer(RetryLayer::new())
        .layer(RetryBudgetLayer::new())
        .layer(PauseLayer::new())
        .layer(CircuitBreakerLayer::new())
        .layer(RetryAfterLayer::new())
        .layer(classify)
}

/// How the cost grows with the number of layers, from the inside out.
pub const BY_NUMBER_OF_LAYERS: &[Contender] = &[
    ("1 layer, classify", || over(ClassifyLayer::new())),
    ("2 layers, and retry-after", || {
        over(
            ServiceBuilder::new()
                .layer(RetryAfterLayer::new())
                .layer(ClassifyLayer::new()),
        )
    }),
    ("3 layers, and circuit-breaker", || {
        over(
            ServiceBuilder::new()
                .layer(CircuitBreakerLayer::new())
                .layer(RetryAfterLayer::new())
                .layer(ClassifyLayer::new()),
        )
    }),
    ("4 layers, and pause", || {
        over(
            ServiceBuilder::new()
                .layer(PauseLayer::new())
                .layer(CircuitBreakerLayer::new())
                .layer(RetryAfterLayer::new())
                .layer(ClassifyLayer::new()),
        )
    }),
    ("5 layers, and retry-budget", || {
        over(
            ServiceBuilder::new()
                .layer(RetryBudgetLayer::new())
                .layer(PauseLayer::new())
                .layer(CircuitBreakerLayer::new())
                .layer(RetryAfterLayer::new())
                .layer(ClassifyLayer::new()),
        )
    }),
    ("6 layers, and backoff-jitter", || over(all())),
    ("8 layers, and deadline, attempt timeouts", || {
        over(all_with_timers())
    }),
];

/// The same with a deadline of 30 s around it and the timers of an attempt in it.
#[must_use]
pub fn all_with_timers()
-> impl Layer<Bare, Service = impl Service<Req, Error = BoxError> + Clone + Send + 'static> {
    ServiceBuilder::new()
        .layer(
            DeadlineLayer::builder()
                .timeout(Duration::from_secs(30))
                .build()
                .expect("a valid deadline"),
        )
        .layer(RetryLayer::new())
        .layer(RetryBudgetLayer::new())
        .layer(PauseLayer::new())
        .layer(CircuitBreakerLayer::new())
        .layer(
            AttemptTimeoutLayer::builder()
                .first_output(Duration::from_secs(14))
                .idle(Duration::from_secs(10))
                .build()
                .expect("valid timeouts"),
        )
        .layer(RetryAfterLayer::new())
        .layer(ClassifyLayer::new())
}
