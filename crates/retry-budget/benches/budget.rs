//! What the budget costs: `cargo bench -p tower-steady-retry-budget`.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use divan::Bencher;
use divan::counter::ItemsCount;
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, Service};
use tower_steady_core::{Class, Failure, Gate, Outcome};
use tower_steady_retry_budget::{BudgetHandle, RetryBudgetBuilder, RetryBudgetLayer, SpendLayer};

type Body = Empty<bytes::Bytes>;

fn main() {
    divan::main();
}

/// A budget that neither fills up nor runs out while it is measured.
fn ample() -> RetryBudgetBuilder {
    RetryBudgetLayer::builder()
        .capacity(1e9)
        .deposit(0.1)
        .initial(5e8)
}

fn timeless() -> BudgetHandle {
    ample().reserve_per_second(0.0).build().unwrap().handle()
}

/// What one atomic addition costs on this machine, to read the other rows by.
#[divan::bench]
fn reference_fetch_add(bencher: Bencher) {
    let counter = AtomicU64::new(0);
    bencher.bench(|| divan::black_box(&counter).fetch_add(1, Ordering::Relaxed));
}

#[divan::bench]
fn reference_clock(bencher: Bencher) {
    bencher.bench(std::time::Instant::now);
}

#[divan::bench(threads = [1, 2])]
fn deposit(bencher: Bencher) {
    let handle = timeless();
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench(|| handle.deposit());
}

#[divan::bench(threads = [1, 2])]
fn deposit_into_a_full_bucket(bencher: Bencher) {
    let handle = RetryBudgetLayer::new().handle();
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench(|| handle.deposit());
}

#[divan::bench]
fn withdraw(bencher: Bencher) {
    let handle = timeless();
    bencher.bench(|| handle.withdraw());
}

/// With a reserve the clock is read.
#[divan::bench]
fn withdraw_with_a_reserve(bencher: Bencher) {
    let handle = ample().build().unwrap().handle();
    bencher.bench(|| handle.withdraw());
}

#[divan::bench]
fn finagle_deposit(bencher: Bencher) {
    let handle = RetryBudgetLayer::finagle().handle();
    bencher.bench(|| handle.deposit());
}

/// Taking and giving back through the gate, as a retry does that is not sent. The time is given.
#[divan::bench]
fn take_and_give_back(bencher: Bencher) {
    let gate = gate(ample().build().unwrap());
    let now = Instant::now();
    bencher.bench(|| {
        gate.take(now).unwrap();
        gate.give_back();
    });
}

fn gate(layer: RetryBudgetLayer) -> Arc<dyn Gate> {
    let mut failing = layer.layer(tower::service_fn(|_: Request<Body>| {
        let outcome = Outcome::new(Class::Overloaded);
        ready(Err::<Response<Body>, _>(Failure::new(
            outcome,
            "overloaded",
        )))
    }));
    let mut answer = drive(failing.call(Request::default()));
    let mut gate = None;
    Outcome::amend(&mut answer, |outcome| gate = outcome.take_gate());
    gate.unwrap()
}

#[derive(Clone)]
struct Bare;

impl Service<Request<Body>> for Bare {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline(never)]
    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::default())))
    }
}

fn drive<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the bare service is ready at once"),
    }
}

/// A clone of the service per thread, as connections have it.
fn call<S>(bencher: Bencher, service: S)
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync,
{
    bencher
        .counter(ItemsCount::new(1_u32))
        .with_inputs(|| service.clone())
        .bench_local_values(|mut service| {
            for _ in 0..1_000 {
                let _ = divan::black_box(drive(service.call(divan::black_box(Request::default()))));
            }
        });
}

#[divan::bench]
fn call_1000_bare(bencher: Bencher) {
    call(bencher, Bare);
}

#[divan::bench]
fn call_1000_ratio(bencher: Bencher) {
    call(bencher, RetryBudgetLayer::new().layer(Bare));
}

#[divan::bench]
fn call_1000_spend(bencher: Bencher) {
    call(bencher, SpendLayer::new().layer(Bare));
}
