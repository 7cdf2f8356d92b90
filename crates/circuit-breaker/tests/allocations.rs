//! A call through a closed circuit allocates nothing.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service};
use tower_steady_circuit_breaker::{CircuitBreakerBuilder, CircuitBreakerLayer};
use tower_steady_core::key::{ByHost, RequestKey};

/// Answers with this status.
#[derive(Clone)]
struct Inner(StatusCode);

impl Service<Request<()>> for Inner {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let mut response = Response::new(Full::new(Bytes::from_static(b"answer")));
        *response.status_mut() = self.0;
        ready(Ok(response))
    }
}

fn allocations<K: RequestKey>(builder: CircuitBreakerBuilder<K>) -> u64 {
    allocations_of(StatusCode::OK, builder)
}

fn allocations_of<K: RequestKey>(status: StatusCode, builder: CircuitBreakerBuilder<K>) -> u64 {
    let mut service = builder.build().unwrap().layer(Inner(status));
    let mut call = |request| {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut cx).is_ready());
        let future = pin!(service.call(request));
        assert!(matches!(future.poll(&mut cx), Poll::Ready(Ok(_))));
    };
    let requests: Vec<_> = (0..101)
        .map(|_| {
            Request::builder()
                .uri("https://api.example.com/")
                .body(())
                .unwrap()
        })
        .collect();
    let mut requests = requests.into_iter();
    // The first call of a key makes its circuit, and a thread's first call its local state.
    call(requests.next().unwrap());
    allocation_counter::measure(|| requests.for_each(&mut call)).count_total
}

#[test]
fn a_closed_circuit_allocates_nothing() {
    let builder = CircuitBreakerLayer::builder;
    let windowed = || builder().failure_rate(0.5);
    assert_eq!(allocations(builder()), 0, "failures in a row");
    assert_eq!(allocations(windowed()), 0, "window");
    let slow = windowed().slow_calls(Duration::from_secs(60), 0.5);
    assert_eq!(allocations(slow), 0, "window and slow calls");
    assert_eq!(allocations(windowed().key(ByHost)), 0, "keyed");
}

/// tower-resilience keeps a record of each call in the window, and looks through all of them at each
/// call; here a window is ten counts, whatever they count.
#[test]
fn a_window_of_many_failures_does_not_grow() {
    let ends_badly = CircuitBreakerLayer::builder()
        .consecutive_failures(1 << 20)
        .failure_rate(1.0)
        .minimum_calls(u32::MAX);
    assert_eq!(allocations_of(StatusCode::BAD_GATEWAY, ends_badly), 0);
}

/// As many keys as may be kept, in turn: none pushes another out, and each is found without a copy.
#[test]
fn known_keys_allocate_nothing_in_a_full_map() {
    const KEYS: usize = 1000;
    let builder = CircuitBreakerLayer::builder().key(ByHost).max_keys(KEYS);
    let layer = builder.build().unwrap();
    let mut service = layer.layer(Inner(StatusCode::OK));
    let mut call = |request| {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut cx).is_ready());
        let future = pin!(service.call(request));
        assert!(matches!(future.poll(&mut cx), Poll::Ready(Ok(_))));
    };
    let mut rounds = [(); 3].map(|()| {
        let uri = |number| format!("https://host{number}.example.com/");
        let request = |number| Request::builder().uri(uri(number)).body(()).unwrap();
        (0..KEYS).map(request).collect::<Vec<_>>().into_iter()
    });
    rounds[0].by_ref().for_each(&mut call);
    assert_eq!(layer.handles().len(), KEYS);
    let again = allocation_counter::measure(|| rounds[1].by_ref().for_each(&mut call));
    assert_eq!(again.count_total, 0);
    rounds[2].by_ref().for_each(&mut call);
    assert_eq!(layer.handles().len(), KEYS);
}
