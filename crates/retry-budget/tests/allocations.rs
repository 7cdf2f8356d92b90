//! The path of a success allocates nothing.

mod common;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use common::{Body, request};
use http::{Request, Response};
use tower::{Layer, Service};
use tower_steady_core::Attempt;
use tower_steady_retry_budget::{RetryBudgetLayer, SpendLayer};

#[derive(Clone)]
struct Ok200;

impl Service<Request<Body>> for Ok200 {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::default())))
    }
}

/// What one call and its answer allocate, the request itself left out.
fn allocations<S: Service<Request<Body>>>(service: &mut S, request: Request<Body>) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let info = allocation_counter::measure(move || {
        assert!(service.poll_ready(&mut cx).is_ready());
        let call = pin!(service.call(request));
        assert!(call.poll(&mut cx).is_ready());
    });
    info.count_total
}

#[test]
fn a_success_allocates_nothing_in_either_layer() {
    let mut ratio = RetryBudgetLayer::new().layer(Ok200);
    let mut leaky = RetryBudgetLayer::finagle().layer(Ok200);
    let mut spend = SpendLayer::new().layer(Ok200);
    // A thread finds its shard at its first deposit.
    allocations(&mut ratio, Request::default());
    for _ in 0..100 {
        assert_eq!(allocations(&mut ratio, Request::default()), 0);
        assert_eq!(allocations(&mut leaky, Request::default()), 0);
        assert_eq!(allocations(&mut spend, Request::default()), 0);
    }
}

#[test]
fn nor_does_a_paid_retry_that_succeeds() {
    let mut ratio = RetryBudgetLayer::aws_2_1().layer(Ok200);
    let mut paid = request(200);
    paid.extensions_mut().insert(Attempt::new(2, true));
    allocations(&mut ratio, Request::default());
    assert_eq!(allocations(&mut ratio, paid), 0);
}

#[test]
fn nor_do_a_deposit_and_a_withdrawal() {
    let handle = RetryBudgetLayer::new().handle();
    handle.deposit();
    let info = allocation_counter::measure(|| {
        handle.deposit();
        assert!(handle.withdraw());
        let _ = handle.snapshot();
    });
    assert_eq!(info.count_total, 0);
}
