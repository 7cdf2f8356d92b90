//! What is slow, and what is only dropped.

mod common;

use std::time::Duration;

use common::{Does, Provider, builder, call};
use http::Request;
use tokio::time::advance;
use tower::{Layer, Service, ServiceExt};
use tower_steady_circuit_breaker::{State, TripReason};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn slow_calls_open_and_a_slow_probe_has_failed() {
    let layer = builder()
        .slow_calls(SECOND, 0.5)
        .minimum_calls(4)
        .window(60 * SECOND)
        .build()
        .unwrap();
    let (circuit, service) = (layer.handle(), layer.layer(Provider::default()));
    let slow = || Does::AnswersAfter(200, Duration::from_millis(1001));
    // Exactly the limit is not slow.
    for _ in 0..2 {
        call(&service, Does::AnswersAfter(200, SECOND))
            .await
            .unwrap();
    }
    call(&service, slow()).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
    call(&service, slow()).await.unwrap();
    assert_eq!(circuit.reason(), Some(TripReason::SlowCallRate));
    advance(10 * SECOND).await;
    call(&service, slow()).await.unwrap();
    assert_eq!(circuit.reason(), Some(TripReason::ProbesFailed));
    assert_eq!(circuit.time_left(), Some(20 * SECOND));
    advance(20 * SECOND).await;
    call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

/// The provider is not to blame for the time before a call is sent, nor for an answer that was there at
/// once.
#[tokio::test(start_paused = true)]
async fn the_time_of_a_call_runs_while_it_waits() {
    let after = |millis| Does::AnswersAfter(200, Duration::from_millis(millis));
    let cases = [
        ("there at once", Does::Answers(200), 0),
        ("in time", after(1000), 0),
        ("slow", after(1001), 1),
    ];
    for (name, does, expected) in cases {
        let layer = builder().slow_calls(SECOND, 1.0).build().unwrap();
        let mut service = layer.layer(Provider::default());
        let polled_late = service.ready().await.unwrap().call(Request::new(does));
        advance(60 * SECOND).await;
        polled_late.await.unwrap();
        assert_eq!(layer.handle().counts().slow, expected, "{name}");
    }
}

/// A rate limit that took long says as little as one that came at once.
#[tokio::test(start_paused = true)]
async fn what_is_ignored_is_not_slow_either() {
    let layer = builder()
        .slow_calls(SECOND, 0.5)
        .minimum_calls(2)
        .build()
        .unwrap();
    let (circuit, service) = (layer.handle(), layer.layer(Provider::default()));
    for _ in 0..4 {
        let limited = Does::AnswersAfter(429, 2 * SECOND);
        call(&service, limited).await.unwrap();
    }
    assert_eq!(circuit.state(), State::Closed);
    assert_eq!((circuit.counts().ignored, circuit.counts().slow), (4, 0));
}

/// 200 calls that an outer timeout drops: tower-resilience sees none of them. Cancelled they are, and
/// by option slow.
#[tokio::test(start_paused = true)]
async fn dropped_calls_are_cancelled_or_by_option_slow() {
    for (option, expected) in [(false, State::Closed), (true, State::Open)] {
        let layer = builder()
            .slow_calls(SECOND, 0.5)
            .slow_cancels(option)
            .minimum_calls(10)
            .window(100 * SECOND)
            .build()
            .unwrap();
        let service = layer.layer(Provider::default());
        for _ in 0..10 {
            let hung = call(&service, Does::Hangs);
            tokio::time::timeout(2 * SECOND, hung).await.unwrap_err();
        }
        let circuit = layer.handle();
        assert_eq!(circuit.state(), expected);
        assert_eq!(circuit.counts().cancelled, 10);
        assert_eq!(circuit.counts().slow, if option { 10 } else { 0 });
    }
}
