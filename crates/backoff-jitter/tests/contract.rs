//! What tower and callers may rely on, and what a dropped call leaves behind.

mod common;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::marker::{PhantomData, PhantomPinned};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tower::{Layer, Service, ServiceExt};
use tower_steady_backoff_jitter::{
    Jitter, NotSent, Plan, ResponseFuture, Retry, RetryBuilder, RetryLayer, Schedule,
};
use tower_steady_core::{BoxError, Class, VetoReason};
use tower_steady_testkit::cancel::{self, Dropped};

use self::common::*;

assert_impl_all!(RetryLayer: Clone, Default, std::fmt::Debug, Send, Sync);
assert_impl_all!(RetryBuilder: Clone, std::fmt::Debug, Send, Sync);
assert_impl_all!(Retry<Cloning>: Clone, std::fmt::Debug, Send, Sync);
assert_impl_all!(ResponseFuture<Cloning, Body>: std::fmt::Debug, Send, Sync);
assert_impl_all!(NotSent: std::error::Error, Send, Sync);
assert_impl_all!(Plan: Copy, PartialEq, Send, Sync);

/// A service that is neither `Sync` nor `Unpin`, with answers and requests of the kind.
#[derive(Clone)]
struct Odd(PhantomData<Cell<u8>>, PhantomPinned);

#[derive(Clone)]
struct OddBody(Cell<u8>, PhantomPinned);

impl Service<Request<OddBody>> for Odd {
    type Response = Response<OddBody>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Response<OddBody>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<OddBody>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(request.into_body())) })
    }
}

// tower-resilience's layer is not `Clone` for hyper's types, and its service not `Sync`.
assert_impl_all!(Retry<Odd>: Clone, Send);
assert_not_impl_any!(Odd: Sync);
assert_impl_all!(ResponseFuture<Odd, OddBody>: Send);

#[tokio::test(start_paused = true)]
async fn a_service_needs_to_be_clone_and_no_more() {
    let odd = Odd(PhantomData, PhantomPinned);
    let service = RetryLayer::new().layer(odd);
    let body = OddBody(Cell::new(5), PhantomPinned);
    let answer = service.oneshot(Request::new(body)).await.unwrap();
    assert_eq!(answer.into_body().0.get(), 5);
}

/// tower-resilience called clones that were never polled ready; `Cloning` panics at that.
#[tokio::test(start_paused = true)]
async fn every_try_goes_to_a_service_that_was_polled_ready() {
    let provider = Provider::script((0..4).map(|_| bare(429)));
    let retry = RetryLayer::new().layer(service(&provider));
    assert!(call(retry, request()).await.is_ok());
    assert_eq!(provider.sends(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_first_readiness_error_is_the_services_own() {
    let provider = Provider::new().readiness([Some(BoxError::from("down"))]);
    let mut retry = RetryLayer::new().layer(service(&provider));
    let error = ServiceExt::<Request<Body>>::ready(&mut retry)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "down");
}

#[tokio::test(start_paused = true)]
async fn clones_share_their_randomness_and_not_their_readiness() {
    let layer = RetryLayer::builder().seed(3).build().unwrap();
    let provider = Provider::script((0..2).map(|_| bare(429)));
    let mut one = layer.layer(service(&provider));
    let other = one.clone();
    ServiceExt::<Request<Body>>::ready(&mut one).await.unwrap();
    // `other` must be polled ready itself; `oneshot` does.
    assert!(call(other, request()).await.is_ok());
    assert!(
        call(layer.layer(service(&provider)), request())
            .await
            .is_ok()
    );
    let alone = RetryLayer::builder().seed(3).build().unwrap();
    let again = Provider::script([bare(429), bare(429)]);
    for layer in [&alone, &alone] {
        let _ = call(layer.layer(service(&again)), request()).await;
    }
    let delays = |provider: &Provider| -> Vec<_> { provider.gaps() };
    // Seeded alike and drawn in the same order.
    assert_eq!(delays(&provider), delays(&again));
}

/// A five-attempt call dropped after each of its polls: while a try is under way, while it sleeps.
/// Nothing is left under way, no try follows, and as many grants are spent as retries were sent.
#[tokio::test(start_paused = true)]
async fn a_call_can_be_dropped_at_every_poll() {
    for keep in [true, false] {
        let gate = Counter::new(1_000);
        let current = RefCell::new(Provider::new());
        let make = || {
            let play = |_| gated(&gate, if keep { whole(429) } else { bare(429) });
            let provider = Provider::script((0..4).map(play)).takes(Duration::from_millis(700));
            let layer = RetryLayer::builder().seed(1).build().unwrap();
            let retry = layer.layer(service(&provider));
            *current.borrow_mut() = provider;
            gate.reset();
            call(retry, request())
        };
        let check = async |dropped: Dropped<Answer>| {
            let provider = current.replace(Provider::new());
            let sends = provider.sends();
            assert_eq!(gate.spent(), sends.saturating_sub(1), "{dropped:?}");
            assert_eq!(provider.in_flight(), 0, "{dropped:?}");
            tokio::time::sleep(Duration::from_secs(100)).await;
            assert_eq!(provider.sends(), sends, "{dropped:?}");
            if let Dropped::Finished(answer) = &dropped {
                assert!(answer.is_ok());
                assert_eq!((sends, gate.spent()), (5, 4));
            }
            // What was kept held the gate no longer, and neither does anything else.
            drop(provider);
            assert_eq!(Arc::strong_count(&gate), 1, "{dropped:?}");
        };
        let polls = cancel::at_every_poll(make, check).await;
        // Each try and each wait is at least one poll.
        assert!(polls >= 9, "{polls}");
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "polled after completion")]
async fn a_future_is_not_polled_after_it_gave_up() {
    let provider = Provider::script([bare(400)]);
    let mut retry = RetryLayer::new().layer(service(&provider));
    ServiceExt::<Request<Body>>::ready(&mut retry)
        .await
        .unwrap();
    let mut future = pin!(retry.call(request()));
    assert!(future.as_mut().await.is_ok());
    let _ = future.await;
}

#[test]
fn bad_configuration_is_refused_by_name() {
    let second = Duration::from_secs(1);
    let plan = |schedule| RetryLayer::builder().plan(Class::Overloaded, Plan::new(schedule, 3));
    for (builder, field) in [
        (RetryLayer::builder().max_attempts(0), "max_attempts"),
        (RetryLayer::builder().max_attempts(1001), "max_attempts"),
        (RetryLayer::builder().cap(Duration::ZERO), "cap"),
        (RetryLayer::builder().cap(second), "cap"),
        (
            RetryLayer::builder().wait_cap(second).min_wait(2 * second),
            "min_wait",
        ),
        (
            RetryLayer::builder().jitter(Jitter::Additive(Duration::MAX)),
            "jitter",
        ),
        (plan(Schedule::exponential(Duration::ZERO)), "base"),
        (plan(Schedule::linear(Duration::ZERO, second)), "base"),
        (plan(Schedule::exponential(2 * second).cap(second)), "cap"),
        (plan(Schedule::fixed(2 * second).cap(second)), "cap"),
        (plan(Schedule::exponential_by(second, f64::NAN)), "factor"),
        (
            plan(Schedule::exponential_by(second, f64::INFINITY)),
            "factor",
        ),
        (plan(Schedule::exponential_by(second, 0.5)), "factor"),
        (plan(Schedule::exponential_by(second, -2.0)), "factor"),
        (
            RetryLayer::builder().plan(Class::Timeout, Plan::new(Schedule::fixed(second), 0)),
            "plan",
        ),
    ] {
        let error = builder.clone().build().unwrap_err();
        assert_eq!(error.field(), field, "{builder:?}: {error}");
    }
    // At the limits.
    for builder in [
        RetryLayer::builder().max_attempts(1),
        RetryLayer::builder().max_attempts(1000),
        RetryLayer::builder().min_wait(second).wait_cap(second),
        plan(Schedule::exponential_by(second, 1.0).cap(second)),
        plan(Schedule::fixed(Duration::ZERO)),
        RetryLayer::builder().jitter(Jitter::Decorrelated),
    ] {
        assert!(builder.build().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn the_services_layers_below_keep_their_veto_names() {
    for reason in [
        VetoReason::Paused,
        VetoReason::CircuitOpen,
        VetoReason::Spend,
    ] {
        let provider = Provider::script([whole(503), rejected(reason)]);
        let answer = call(RetryLayer::new().layer(service(&provider)), request()).await;
        assert_eq!(veto(&answer), Some(reason));
    }
}
