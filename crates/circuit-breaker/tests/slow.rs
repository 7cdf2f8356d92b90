//! What is slow, and what is only dropped.

mod common;

use std::time::Duration;

use common::{Chunks, Does, Provider, Step, builder, call, next};
use http::Request;
use tokio::time::advance;
use tower::{Layer, Service, ServiceExt};
use tower_steady_circuit_breaker::{SlowBy, State, TripReason};

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

#[tokio::test(start_paused = true)]
async fn streams_are_slow_by_their_first_output_or_by_their_end() {
    // The first output comes after this long, and the end so much later.
    let cases = [
        (SlowBy::FirstOutput, 3, 0, 1),
        (SlowBy::FirstOutput, 1, 9, 0),
        (SlowBy::End, 1, 9, 1),
        (SlowBy::End, 1, 0, 0),
    ];
    for (slow_by, first, rest, expected) in cases {
        let layer = builder()
            .slow_calls(2 * SECOND, 1.0)
            .slow_by(slow_by)
            .build()
            .unwrap();
        let service = layer.layer(Provider::default());
        let stream = Chunks::stream([Step::Ping, Step::Output, Step::Output, Step::Terminal]);
        let mut body = call(&service, Does::Streams(stream))
            .await
            .unwrap()
            .into_body();
        next(&mut body).await.unwrap().unwrap();
        advance(first * SECOND).await;
        next(&mut body).await.unwrap().unwrap();
        advance(rest * SECOND).await;
        next(&mut body).await.unwrap().unwrap();
        next(&mut body).await.unwrap().unwrap();
        assert_eq!(
            layer.handle().counts().slow,
            expected,
            "{slow_by:?}, {first} + {rest} s"
        );
        assert_eq!(layer.handle().counts().successes, 1);
    }
}

/// What a caller drops is measured like what it reads to the end.
#[tokio::test(start_paused = true)]
async fn a_dropped_stream_is_slow_by_its_first_output_or_by_its_end() {
    for (slow_by, first, rest, expected) in [
        (SlowBy::FirstOutput, 3, 0, 1),
        (SlowBy::FirstOutput, 1, 9, 0),
        (SlowBy::End, 1, 9, 1),
        (SlowBy::End, 1, 0, 0),
    ] {
        let layer = builder()
            .slow_calls(2 * SECOND, 1.0)
            .slow_by(slow_by)
            .slow_cancels(true)
            .build()
            .unwrap();
        let service = layer.layer(Provider::default());
        let stream = Chunks::stream([Step::Output, Step::Output, Step::Terminal]);
        let answer = call(&service, Does::Streams(stream)).await.unwrap();
        let mut body = answer.into_body();
        advance(first * SECOND).await;
        next(&mut body).await.unwrap().unwrap();
        advance(rest * SECOND).await;
        drop(body);
        let counts = layer.handle().counts();
        let told = format!("{slow_by:?}, {first} + {rest} s");
        assert_eq!((counts.cancelled, counts.slow), (1, expected), "{told}");
    }
}
