//! When the service is ready, and what it holds of the inner one.

mod common;

use std::time::Duration;

use common::{Does, Provider, builder, call};
use http::Request;
use tokio::time::advance;
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceExt};
use tower_steady_circuit_breaker::{CircuitOpen, State};

const SECOND: Duration = Duration::from_secs(1);

/// While open, an inner service that is saturated does not hold up the rejection.
#[tokio::test(start_paused = true)]
async fn fails_fast_in_front_of_a_saturated_service() {
    let layer = builder().build().unwrap();
    let mut service = layer.layer(ConcurrencyLimit::new(Provider::default(), 1));
    let mut hog = service.clone();
    let hung = hog.ready().await.unwrap().call(Request::new(Does::Hangs));
    assert!(
        tokio_test::task::spawn(service.ready()).poll().is_pending(),
        "saturated"
    );
    layer.handle().force_open();
    let error = call(&service, Does::Answers(200)).await.unwrap_err();
    assert!(CircuitOpen::find(&error).is_some());
    drop(hung);
}

/// A call that was admitted to a service which was ready only because the circuit was open waits in its
/// future for the inner service, and asks the circuit again before it is sent.
#[tokio::test(start_paused = true)]
async fn readiness_that_came_from_an_open_circuit_is_not_the_inner_services() {
    let provider = Provider::default();
    let layer = builder().build().unwrap();
    let circuit = layer.handle();
    let service = layer.layer(ConcurrencyLimit::new(provider.clone(), 1));
    let mut hog = service.clone();
    let hung = hog.ready().await.unwrap().call(Request::new(Does::Hangs));

    let ready_while_open = || async {
        circuit.force_open();
        let mut clone = service.clone();
        clone.ready().await.unwrap();
        circuit.reset();
        clone
    };
    let (mut first, mut second) = (ready_while_open().await, ready_while_open().await);
    let mut sent = tokio_test::task::spawn(first.call(Request::new(Does::Answers(200))));
    let mut refused = tokio_test::task::spawn(second.call(Request::new(Does::Answers(200))));
    assert!(sent.poll().is_pending() && refused.poll().is_pending());
    assert_eq!(provider.sent(), 1);
    drop(hung);
    let response = sent.await.unwrap();
    assert_eq!(response.status(), 200);
    // The other one is still queued when the circuit opens.
    circuit.force_open();
    let error = refused.await.unwrap_err();
    assert!(CircuitOpen::find(&error).is_some());
    assert_eq!(provider.sent(), 2);
}

/// What the inner service had reserved for a call that is then rejected is given back.
#[tokio::test(start_paused = true)]
async fn a_rejected_call_holds_no_reservation() {
    let limited = ConcurrencyLimit::new(Provider::default(), 1);
    let layer = builder().build().unwrap();
    let mut service = layer.layer(limited.clone());
    service.ready().await.unwrap();
    layer.handle().force_open();
    service
        .call(Request::new(Does::Answers(200)))
        .await
        .unwrap_err();
    // Another route behind the same limit goes on.
    let mut other = limited;
    assert!(tokio_test::task::spawn(other.ready()).poll().is_ready());
}

/// A place in the inner service's queue is given up too, or it would be served and held for nothing.
#[tokio::test(start_paused = true)]
async fn a_rejected_call_stands_in_no_queue() {
    let mut limited = ConcurrencyLimit::new(Provider::default(), 1);
    let hung = limited
        .ready()
        .await
        .unwrap()
        .call(Request::new(Does::Hangs));
    let layer = builder().build().unwrap();
    let mut service = layer.layer(limited.clone());
    assert!(tokio_test::task::spawn(service.ready()).poll().is_pending());
    layer.handle().force_open();
    service
        .ready()
        .await
        .unwrap()
        .call(Request::new(Does::Answers(200)))
        .await
        .unwrap_err();
    drop(hung);
    assert!(tokio_test::task::spawn(limited.ready()).poll().is_ready());
    drop(service);
}

/// linkerd#2493's class: a clone that is polled ready and dropped has taken no probe.
#[tokio::test(start_paused = true)]
async fn readiness_takes_no_probe() {
    let layer = builder().build().unwrap();
    let service = layer.layer(Provider::default());
    for _ in 0..2 {
        call(&service, Does::Answers(500)).await.unwrap();
    }
    advance(10 * SECOND).await;
    for _ in 0..5 {
        service.clone().ready().await.unwrap();
    }
    call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(layer.handle().state(), State::Closed);
}
