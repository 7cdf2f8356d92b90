use tower::Layer;
use tower_steady::Steady;
use tower_steady::backoff_jitter::{RetryBuilder, RetryLayer};
use tower_steady::circuit_breaker::CircuitBreakerBuilder;
use tower_steady::classify::ClassifyLayer;
use tower_steady_core::key::ByHost;

use super::{Stack, erase};
use crate::provider::HttpClient;

pub(super) fn interactive(http: HttpClient, seed: u64) -> Stack {
    over(
        http,
        Steady::interactive(),
        RetryBuilder::interactive(),
        seed,
    )
}

pub(super) fn background(http: HttpClient, seed: u64) -> Stack {
    over(http, Steady::background(), RetryBuilder::background(), seed)
}

/// The preset as it is, but for the sources of randomness, which are seeded.
fn over(http: HttpClient, preset: Steady, retry: RetryBuilder, seed: u64) -> Stack {
    let retry: RetryLayer = retry.seed(seed).build().expect("its own preset");
    let breaker = CircuitBreakerBuilder::five_in_a_row()
        .key(ByHost)
        .seed(seed)
        .build();
    let stack = preset
        .with_retry(retry)
        .with_classify(ClassifyLayer::new())
        .with_breaker(breaker.expect("its own preset"));
    erase(stack.layer(http))
}
