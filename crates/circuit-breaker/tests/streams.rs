//! When the verdict on a stream falls: a permit travels with the body.

mod common;

use std::time::Duration;

use common::{Chunks, Does, Provider, Step, builder, call, half_open, next, read};
use http_body::Body;
use tokio::time::advance;
use tower::Layer;
use tower_steady_circuit_breaker::{CircuitBreakerBuilder, State};
use tower_steady_core::{Class, Outcome};

const SECOND: Duration = Duration::from_secs(1);

/// Reads until the terminal event, as clients do, and drops the rest.
async fn read_to_done<B: Body + Unpin>(mut body: B, frames: usize)
where
    B::Error: std::fmt::Debug,
{
    for _ in 0..frames {
        next(&mut body).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn five_answers_read_to_done_and_dropped_close() {
    let (circuit, service) = half_open(builder().probes(5)).await;
    for number in 0..5 {
        assert_ne!(circuit.state(), State::Closed, "after {number}");
        let stream = Chunks::stream([Step::Output, Step::Output, Step::Terminal, Step::Silence]);
        let response = call(&service, Does::Streams(stream)).await.unwrap();
        read_to_done(response.into_body(), 3).await;
    }
    assert_eq!(circuit.state(), State::Closed);
    assert_eq!(circuit.counts().successes, 5);
}

/// A server that proxies a body stops polling it once it says that it is at its end.
#[tokio::test(start_paused = true)]
async fn bodies_that_know_their_end_close_without_a_last_poll() {
    let (circuit, service) = half_open(builder().probes(2)).await;
    for streamed in [true, false] {
        let mut chunks = Chunks::stream([Step::Output, Step::Output]);
        chunks.knows_its_end = true;
        if !streamed {
            chunks.note = None;
        }
        let response = call(&service, Does::Streams(chunks)).await.unwrap();
        let mut body = response.into_body();
        while !body.is_end_stream() {
            next(&mut body).await.unwrap().unwrap();
        }
    }
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_unread_success_closes() {
    let (circuit, service) = half_open(builder()).await;
    drop(call(&service, Does::Answers(200)).await.unwrap());
    assert_eq!(circuit.state(), State::Closed);
    // A stream with nothing in it is at its end before it is read.
    let (circuit, service) = half_open(builder()).await;
    let mut empty = Chunks::stream([]);
    empty.knows_its_end = true;
    drop(call(&service, Does::Streams(empty)).await.unwrap());
    assert_eq!(circuit.state(), State::Closed);
}

/// A stream that has not ended is not judged, and dropped it is cancelled; for linkerd it is a success.
#[tokio::test(start_paused = true)]
async fn an_unfinished_stream_that_is_dropped_is_cancelled() {
    let (circuit, service) = half_open(builder()).await;
    for steps in [vec![], vec![Step::Ping], vec![Step::Output, Step::Output]] {
        let read = steps.len();
        let stream = Chunks::stream(steps.into_iter().chain([Step::Silence]));
        let response = call(&service, Does::Streams(stream)).await.unwrap();
        assert!(
            call(&service, Does::Answers(200)).await.is_err(),
            "its slot is taken"
        );
        let mut body = response.into_body();
        for _ in 0..read {
            next(&mut body).await.unwrap().unwrap();
        }
        drop(body);
        assert_eq!(circuit.state(), State::HalfOpen);
    }
    assert_eq!(circuit.counts().cancelled, 3);
    call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

/// What a stream comes to, as its end, an error event, the trailers of gRPC or a broken connection say.
/// tower-resilience judges the head alone, and linkerd sees no error that stands in the body.
#[tokio::test(start_paused = true)]
async fn late_endings_are_judged() {
    use Step::{Cut, ErrorEvent, Output, Terminal};
    let cases = [
        (vec![Output], (1, 0, 0)),
        (vec![Output, Terminal], (1, 0, 0)),
        // After the terminal event nothing matters.
        (vec![Output, Terminal, Cut], (1, 0, 0)),
        (vec![Output, Cut], (0, 1, 0)),
        (vec![Cut], (0, 1, 0)),
        (vec![Output, ErrorEvent(Class::Overloaded)], (0, 1, 0)),
        (vec![Output, ErrorEvent(Class::Overloaded), Cut], (0, 1, 0)),
        (vec![Output, ErrorEvent(Class::ContentPolicy)], (1, 0, 0)),
        (vec![Output, ErrorEvent(Class::RateLimited)], (0, 0, 1)),
    ];
    for (steps, expected) in cases {
        let layer = builder().build().unwrap();
        let service = layer.layer(Provider::default());
        let name = format!("{steps:?}");
        let response = call(&service, Does::Streams(Chunks::stream(steps)))
            .await
            .unwrap();
        assert_eq!(
            layer.handle().counts().successes,
            0,
            "not before its end: {name}"
        );
        let _ = read(response.into_body()).await;
        let counts = layer.handle().counts();
        assert_eq!(
            (counts.successes, counts.failures, counts.ignored),
            expected,
            "{name}"
        );
        assert_eq!(counts.cancelled, 0, "{name}");
    }
}

/// One stream in four breaks at once, the others are long: their ends are not there yet, but that
/// they have begun to answer is.
#[tokio::test(start_paused = true)]
async fn early_failures_beside_long_answers_are_no_outage() {
    let layer = CircuitBreakerBuilder::half_of_twenty()
        .consecutive_failures(3)
        .build()
        .unwrap();
    let service = layer.layer(Provider::default());
    let mut answers = Vec::new();
    for number in 0..100 {
        let steps = match number % 4 {
            0 => vec![Step::Cut],
            _ => vec![Step::Output, Step::Silence],
        };
        let answer = call(&service, Does::Streams(Chunks::stream(steps))).await;
        let mut body = answer.expect("the circuit is closed").into_body();
        let _ = next(&mut body).await;
        answers.push(body);
    }
    let circuit = layer.handle();
    let window = circuit.window().unwrap();
    assert_eq!((window.calls, window.failures), (100, 25));
    let counts = circuit.counts();
    assert_eq!((counts.successes, counts.failures), (0, 25), "no verdict");
}

/// A stream that begins and breaks off is one call, and one failure of a row.
#[tokio::test(start_paused = true)]
async fn streams_that_break_after_their_output_open_the_circuit() {
    for (builder, most) in [
        (CircuitBreakerBuilder::five_in_a_row(), 5),
        (CircuitBreakerBuilder::half_of_twenty(), 20),
    ] {
        let layer = builder.build().unwrap();
        let service = layer.layer(Provider::default());
        for number in 0..most {
            assert_eq!(layer.handle().state(), State::Closed, "after {number}");
            let stream = Chunks::stream([Step::Output, Step::Cut]);
            let answer = call(&service, Does::Streams(stream)).await.unwrap();
            let _ = read(answer.into_body()).await;
        }
        assert_eq!(layer.handle().state(), State::Open, "after {most}");
    }
}

/// Its output may have begun before the window did.
#[tokio::test(start_paused = true)]
async fn long_streams_that_break_open_the_circuit() {
    let layer = CircuitBreakerBuilder::half_of_twenty().build().unwrap();
    let service = layer.layer(Provider::default());
    let mut begun = Vec::new();
    for _ in 0..20 {
        let stream = Chunks::stream([Step::Output, Step::Cut]);
        let answer = call(&service, Does::Streams(stream)).await.unwrap();
        let mut body = answer.into_body();
        next(&mut body).await.unwrap().unwrap();
        begun.push(body);
    }
    advance(60 * SECOND).await;
    for body in begun {
        let _ = read(body).await;
    }
    assert_eq!(layer.handle().state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn failures_at_the_head_of_a_stream_do_not_wait_for_its_end() {
    let layer = builder().build().unwrap();
    let service = layer.layer(Provider::default());
    let held = call(&service, Does::Answers(503)).await.unwrap();
    assert_eq!(layer.handle().counts().failures, 1);
    drop(held);
    assert_eq!(layer.handle().counts().cancelled, 0);
}

#[tokio::test(start_paused = true)]
async fn stream_that_a_callers_own_limit_ends_is_cancelled() {
    let layer = builder().build().unwrap();
    let service = layer.layer(Provider::default());
    let stream = Chunks::stream([Step::Output, Step::Cut]);
    let note = stream.note.clone().unwrap();
    let answer = call(&service, Does::Streams(stream)).await.unwrap();
    let mut body = answer.into_body();
    next(&mut body).await.unwrap().unwrap();
    let mut outcome = Outcome::new(Class::Timeout);
    outcome.impatient = true;
    note.finish(outcome);
    read(body).await.unwrap_err();
    let counts = layer.handle().counts();
    assert_eq!((counts.failures, counts.cancelled), (0, 1));
}

/// A stream that hangs loses its slot; one that goes on talking keeps it beyond its lease.
#[tokio::test(start_paused = true)]
async fn a_hung_stream_does_not_wedge_the_circuit() {
    let (circuit, service) = half_open(builder().probe_lease(30 * SECOND)).await;
    let talking = Chunks::stream([Step::Output; 5]);
    let mut body = call(&service, Does::Streams(talking))
        .await
        .unwrap()
        .into_body();
    for _ in 0..5 {
        next(&mut body).await.unwrap().unwrap();
        advance(20 * SECOND).await;
        assert!(call(&service, Does::Answers(200)).await.is_err());
    }
    advance(10 * SECOND).await;
    call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
    // Its own end comes too late to matter.
    assert!(next(&mut body).await.is_none());
    assert_eq!(circuit.counts().stale, 1);
}

#[tokio::test(start_paused = true)]
async fn bodies_pass_unchanged() {
    let layer = builder().build().unwrap();
    let service = layer.layer(Provider::default());
    for chunks in [
        Chunks::whole(),
        Chunks::stream([Step::Ping, Step::Output, Step::Terminal]),
    ] {
        let frames = chunks.steps.len();
        let hint = chunks.size_hint().exact();
        let body = call(&service, Does::Streams(chunks))
            .await
            .unwrap()
            .into_body();
        assert_eq!(body.size_hint().exact(), hint);
        assert_eq!(read(body).await.unwrap(), frames);
    }
}
