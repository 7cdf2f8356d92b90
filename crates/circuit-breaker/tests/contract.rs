//! What callers may rely on: auto traits, cancellation at every poll.

mod common;

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use common::{Chunks, Does, Provider, Step, builder, call, next};
use http::Request;
use static_assertions::assert_impl_all;
use tokio::time::advance;
use tower::{Layer, Service, ServiceExt};
use tower_steady_circuit_breaker::{
    CircuitBreaker, CircuitBreakerBuilder, CircuitBreakerHandle, CircuitBreakerLayer, CircuitOpen,
    ResponseBody, ResponseFuture, State, Transition,
};
use tower_steady_core::key::{ByHost, BySecret};

assert_impl_all!(CircuitBreakerLayer: Clone, Debug, Default, Send, Sync, Unpin);
assert_impl_all!(CircuitBreakerLayer<ByHost>: Clone, Debug, Send, Sync, Unpin);
assert_impl_all!(CircuitBreakerBuilder<BySecret>: Clone, Debug, Send, Sync);
assert_impl_all!(CircuitBreakerHandle: Clone, Debug, Send, Sync);
assert_impl_all!(CircuitBreaker<Provider>: Clone, Debug, Send, Sync);
assert_impl_all!(CircuitBreaker<Provider, ByHost>: Clone, Debug, Send, Sync);
assert_impl_all!(ResponseFuture<Provider, Does>: Debug, Send);
assert_impl_all!(ResponseBody<Chunks>: Debug, Send, Sync);
assert_impl_all!(CircuitOpen: std::error::Error, Clone, Send, Sync);
assert_impl_all!(Transition: Clone, Debug, Send, Sync);

const SECOND: Duration = Duration::from_secs(1);

async fn open(service: &CircuitBreaker<Provider>) {
    for _ in 0..2 {
        call(service, Does::Answers(500)).await.unwrap();
    }
}

/// The call of a probe, dropped before it is polled, after each poll before its head, and after each
/// frame of its stream: the slot is there again each time, and nothing was decided. Polly closes then,
/// Hystrix opens, and linkerd waits for ever for a probe that was dropped before its head.
#[tokio::test(start_paused = true)]
async fn a_probe_can_be_dropped_at_every_poll() {
    let layer = builder().build().unwrap();
    let (circuit, mut service) = (layer.handle(), layer.layer(Provider::default()));
    open(&service).await;
    advance(10 * SECOND).await;
    let does = [
        Does::Hangs,
        Does::AnswersAfter(200, SECOND),
        Does::Streams(Chunks::stream([Step::Output, Step::Output, Step::Silence])),
    ];
    let mut dropped = 0;
    for does in does {
        for polls in 0..4 {
            let request = Request::new(does.clone());
            let mut future = tokio_test::task::spawn(service.ready().await.unwrap().call(request));
            let mut body = None;
            for _ in 0..polls {
                match &mut body {
                    None => {
                        if let std::task::Poll::Ready(answered) = future.poll() {
                            body = Some(answered.unwrap().into_body());
                        }
                    }
                    Some(body) => drop(tokio_test::task::spawn(next(body)).poll()),
                }
            }
            assert_eq!(circuit.state(), State::HalfOpen);
            let refused = call(&service, Does::Answers(200)).await;
            assert!(
                refused.is_err(),
                "the slot is taken: {does:?} after {polls} polls"
            );
            drop((future, body));
            dropped += 1;
            assert_eq!(circuit.counts().cancelled, dropped);
        }
    }
    call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
    assert_eq!(circuit.counts().stale, 0);
}

/// A service that panics in `call` or in its future has not taken the probe with it.
#[tokio::test(start_paused = true)]
async fn a_panic_gives_the_slot_back() {
    let layer = builder().build().unwrap();
    open(&layer.layer(Provider::default())).await;
    advance(10 * SECOND).await;
    let panics = layer.layer(tower::service_fn(|_: Request<Does>| async {
        if true {
            panic!("as told");
        }
        Ok::<_, io::Error>(http::Response::new(Chunks::whole()))
    }));
    let panicked = tokio::spawn(panics.oneshot(Request::new(Does::Hangs))).await;
    assert!(panicked.unwrap_err().is_panic());
    assert_eq!(layer.handle().counts().cancelled, 1);
    call(&layer.layer(Provider::default()), Does::Answers(200))
        .await
        .unwrap();
    assert_eq!(layer.handle().state(), State::Closed);
}

/// Clones of a service and of its layer share one circuit; two layers share nothing. (In tower-resilience
/// two services of one layer do not share either.)
#[tokio::test(start_paused = true)]
async fn clones_share_and_layers_do_not() {
    let (layer, other) = (builder().build().unwrap(), builder().build().unwrap());
    call(&layer.layer(Provider::default()), Does::Answers(500))
        .await
        .unwrap();
    call(
        &layer.clone().layer(Provider::default()).clone(),
        Does::Answers(500),
    )
    .await
    .unwrap();
    assert_eq!(layer.handle().state(), State::Open);
    assert_eq!(other.handle().state(), State::Closed);
}

/// Very many callers at the edge from open to half-open, on several threads: exactly k are sent. More
/// are in tower#855, tower-resilience#382, resilience4j#1432 and, in a race, Finagle.
#[test]
fn a_crowd_at_the_edge_sends_k_probes() {
    const CALLERS: usize = 10_000;
    let layer = builder()
        .open_for(Duration::from_millis(1))
        .probes(3)
        .build()
        .unwrap();
    let provider = Provider::default();
    let service = layer.layer(provider.clone());
    let runtime = |threads| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_time()
            .build()
            .unwrap()
    };
    runtime(4).block_on(async {
        open(&service).await;
        while layer.handle().time_left() != Some(Duration::ZERO) {
            tokio::task::yield_now().await;
        }
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let service = service.clone();
                tokio::spawn(async move {
                    let hung = call(&service, Does::Hangs);
                    tokio::time::timeout(Duration::from_secs(60), hung)
                        .await
                        .is_ok()
                })
            })
            .collect();
        while layer.handle().counts().rejected < CALLERS as u64 - 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(provider.sent(), 2 + 3);
        assert_eq!(layer.handle().state(), State::HalfOpen);
        callers.iter().for_each(tokio::task::JoinHandle::abort);
        for caller in callers {
            let _ = caller.await;
        }
        assert_eq!(layer.handle().counts().cancelled, 3);
    });
}
