//! What every tower layer promises: auto traits, readiness, shared clones, and safety under a drop at
//! any poll.

mod common;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use common::{Body, ask, gate, repeat, request};
use http::{Request, Response};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_steady_core::{Attempt, BoxError};
use tower_steady_retry_budget::{
    BudgetExhausted, BudgetHandle, ResponseFuture, RetryBudget, RetryBudgetBuilder,
    RetryBudgetLayer, Spend, SpendBuilder, SpendHandle, SpendLayer, spend,
};

type Ready = std::future::Ready<Result<Response<Body>, BoxError>>;

assert_impl_all!(RetryBudgetLayer: Clone, Send, Sync, std::fmt::Debug, Default);
assert_impl_all!(RetryBudgetBuilder: Clone, Send, Sync, std::fmt::Debug);
assert_impl_all!(RetryBudget<()>: Clone, Send, Sync, std::fmt::Debug);
assert_impl_all!(ResponseFuture<Ready>: Send, Sync, Unpin, std::fmt::Debug);
assert_impl_all!(BudgetHandle: Clone, Send, Sync, std::fmt::Debug);
assert_impl_all!(BudgetExhausted: std::error::Error, Send, Sync);
assert_impl_all!(SpendLayer: Clone, Send, Sync, std::fmt::Debug, Default);
assert_impl_all!(SpendBuilder: Clone, Send, Sync, std::fmt::Debug);
assert_impl_all!(Spend<()>: Clone, Send, Sync, std::fmt::Debug);
assert_impl_all!(spend::ResponseFuture<Ready>: Send, Sync, Unpin, std::fmt::Debug);
assert_impl_all!(SpendHandle: Clone, Send, Sync, std::fmt::Debug);
// What it holds decides.
assert_not_impl_any!(ResponseFuture<*const ()>: Send);

#[tokio::test]
async fn readiness_is_the_inner_services_and_is_not_consumed() {
    let (inner, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let service = (RetryBudgetLayer::new(), SpendLayer::new());
    let mut service = tower_test::mock::Spawn::new(service.0.layer(service.1.layer(inner)));
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    let response = service.call(request(200));
    let (_, answer) = handle.next_request().await.unwrap();
    answer.send_response(Response::new(Body::default()));
    assert_eq!(response.await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_error_of_readiness_comes_through_unchanged() {
    let (inner, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    handle.send_error(std::io::Error::from(std::io::ErrorKind::NotConnected));
    let mut service = RetryBudgetLayer::new().layer(inner);
    let error = service.ready().await.err().unwrap();
    assert!(
        error
            .downcast_ref::<tower_test::mock::error::Closed>()
            .is_some()
            || error.source().is_none()
    );
}

/// A provider that takes `polls` polls to answer.
fn slow(
    polls: usize,
) -> impl Service<
    Request<Body>,
    Response = Response<Body>,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone {
    tower::service_fn(move |request| async move {
        for _ in 0..polls {
            tokio::task::yield_now().await;
        }
        common::provider(request).await
    })
}

/// Polls until ready or `polls` times, then drops.
fn poll_and_drop<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
    }
    None
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_at_any_poll_takes_nothing() {
    let ratio = RetryBudgetLayer::builder().initial(5.0).build().unwrap();
    let spending = SpendLayer::new();
    let stack = ServiceBuilder::new().layer(&ratio).layer(&spending);
    for (status, granted) in [(200, false), (503, true), (503, false)] {
        for polls in 0..6 {
            let before = ratio.handle().balance().unwrap();
            let mut service = stack.clone().service(slow(3));
            let call = service.ready().await.unwrap().call(request(status));
            if let Some(mut answer) = poll_and_drop(call, polls)
                && status == 503
            {
                // As a retry layer does that is dropped asleep, before or after it has asked.
                if granted {
                    drop(ask(&mut answer).unwrap());
                } else {
                    drop(gate(&mut answer));
                }
            }
            let finished = polls > 3 && status == 200;
            let after = before + if finished { 0.1 } else { 0.0 };
            assert_eq!(
                ratio.handle().balance(),
                Some((after * 10.0).round() / 10.0)
            );
            assert_eq!(spending.handle().snapshot().spent, 0);
        }
    }
}

/// Tokens out are tokens of repeats that may have been sent, at whatever poll they are dropped.
#[tokio::test(start_paused = true)]
async fn an_unpaid_repeat_that_is_dropped_at_any_poll_is_paid_exactly_if_it_was_polled() {
    let builder = RetryBudgetLayer::builder().capacity(100.0);
    let ratio = builder
        .deposit(0.0)
        .reserve_per_second(0.0)
        .build()
        .unwrap();
    for polls in 0..6 {
        let before = ratio.handle().balance().unwrap();
        let mut service = ratio.layer(slow(3));
        let unpaid = repeat(503, Attempt::new(2, false));
        let call = service.ready().await.unwrap().call(unpaid);
        drop(poll_and_drop(call, polls));
        let paid = if polls == 0 { 0.0 } else { 1.0 };
        assert_eq!(ratio.handle().balance(), Some(before - paid), "{polls}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_outlives_its_stack() {
    let layer = RetryBudgetLayer::new();
    let handle = layer.handle();
    let service = layer.layer(slow(0));
    let mut answer = service.oneshot(request(503)).await;
    drop(layer);
    let grant = ask(&mut answer).unwrap();
    assert_eq!(handle.balance(), Some(9.0));
    drop(grant);
    assert_eq!(handle.balance(), Some(10.0));
}

#[test]
fn debug_output_says_something() {
    let layer = RetryBudgetLayer::builder().name("openai").build().unwrap();
    let text = format!("{layer:?}");
    assert!(
        text.contains("openai") && text.contains("balance"),
        "{text}"
    );
    let text = format!(
        "{:?}",
        SpendLayer::builder().name("openai").build().unwrap()
    );
    assert!(text.contains("openai") && text.contains("Tokens"), "{text}");
}
