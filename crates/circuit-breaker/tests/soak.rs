//! A long random history through the service on the paused clock: counts add up exactly.
//!
//! The whole of it: `cargo test --release -p tower-steady-circuit-breaker --test soak -- --ignored`

mod common;

use std::pin::Pin;
use std::time::Duration;

use common::{Answered, Chunks, Does, Provider, Step, builder, next};
use http::Request;
use tokio::time::advance;
use tower::{Layer, ServiceExt};
use tower_steady_circuit_breaker::{
    CircuitBreakerHandle, CircuitOpen, Counts, ResponseBody, State,
};
use tower_steady_core::{Seeds, StreamOutcome};

/// What is still under way: calls without an answer, and streams without an end.
enum InFlight {
    Call(Pin<Box<dyn Future<Output = Answered>>>),
    Stream(ResponseBody<Chunks>, StreamOutcome),
}

/// How calls ended, as their caller saw it.
#[derive(Debug, Default)]
struct Seen {
    good: u64,
    bad: u64,
    limited: u64,
    dropped: u64,
    rejected: u64,
}

async fn soak(calls: u64, seed: u64) {
    let provider = Provider::default();
    let layer = builder()
        .failure_rate(0.6)
        .minimum_calls(10)
        .slow_calls(Duration::from_secs(2), 0.9)
        .probes(3)
        .success_threshold(2)
        .probe_lease(Duration::from_secs(20))
        .seed(seed)
        .build()
        .unwrap();
    let circuit = layer.handle();
    let service = layer.layer(provider.clone());
    let random = Seeds::fixed(seed);
    let mut seen = Seen::default();
    let mut in_flight: Vec<InFlight> = Vec::new();
    let mut opened = 0;
    for number in 0..calls {
        // Outages come and go.
        let down = number / 2_000 % 5 == 4;
        let does = match random.draw() % 100 {
            0 => Does::Hangs,
            1 => Does::Answers(429),
            2 => Does::Breaks,
            3 => Does::Streams(Chunks::stream([Step::Output, Step::Output, Step::Silence])),
            4 => Does::Streams(Chunks::stream([Step::Output, Step::Cut])),
            5..40 if down => Does::Answers(503),
            5 => Does::Answers(500),
            6..12 => Does::Streams(Chunks::stream([Step::Output, Step::Terminal])),
            _ => Does::Answers(200),
        };
        let mut call = Box::pin(service.clone().oneshot(Request::new(does)));
        match at_once(call.as_mut()).await {
            None => in_flight.push(InFlight::Call(call)),
            Some(Err(error)) if CircuitOpen::find(&error).is_some() => seen.rejected += 1,
            Some(Err(_)) => seen.bad += 1,
            Some(Ok(response)) => match response.status().as_u16() {
                429 => seen.limited += 1,
                500.. => seen.bad += 1,
                _ => {
                    let note = response.extensions().get::<StreamOutcome>().cloned();
                    match note {
                        Some(note) => {
                            in_flight.push(InFlight::Stream(response.into_body(), note));
                        }
                        None => seen.good += 1,
                    }
                }
            },
        }
        while in_flight.len() > 8 || (random.draw().is_multiple_of(3) && !in_flight.is_empty()) {
            let which = random.draw() as usize % in_flight.len();
            match in_flight.swap_remove(which) {
                InFlight::Call(call) => {
                    drop(call);
                    seen.dropped += 1;
                }
                InFlight::Stream(body, note) => finish(body, &note, &mut seen).await,
            }
        }
        if random.draw().is_multiple_of(16) {
            advance(Duration::from_millis(random.draw() % 4_000)).await;
        }
        opened += u64::from(circuit.state() == State::Open);
        if number % 10_000 == 0 {
            add_up(&circuit, &provider, &seen, in_flight.len() as u64);
        }
    }
    seen.dropped += in_flight.len() as u64;
    in_flight.clear();
    add_up(&circuit, &provider, &seen, 0);
    // It was worth the while: all of it has happened.
    let counts = circuit.counts();
    let all = [
        counts.successes,
        counts.failures,
        counts.ignored,
        counts.cancelled,
        counts.stale,
        counts.slow,
        counts.rejected,
        opened,
    ];
    assert!(
        all.iter().all(|count| *count > calls / 20_000),
        "{counts:?}"
    );
}

/// Reads a stream as far as it goes; one that falls silent is dropped.
async fn finish(mut body: ResponseBody<Chunks>, note: &StreamOutcome, seen: &mut Seen) {
    for _ in 0..2 {
        let frame = at_once(std::pin::pin!(next(&mut body))).await;
        if matches!(frame, Some(Some(Err(_)))) {
            seen.bad += 1;
            return;
        }
    }
    if note.verdict().is_some() {
        seen.good += 1;
    } else {
        seen.dropped += 1;
    }
}

/// The output of a future that is ready at its first poll.
async fn at_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

fn add_up(circuit: &CircuitBreakerHandle, provider: &Provider, seen: &Seen, in_flight: u64) {
    let Counts {
        successes,
        failures,
        ignored,
        cancelled,
        stale,
        rejected,
        ..
    } = circuit.counts();
    assert_eq!(rejected, seen.rejected);
    // Every call that was sent has ended in one way, or is in flight.
    let ended = successes + failures + ignored + cancelled + stale;
    assert_eq!(provider.sent() as u64, ended + in_flight);
    // The circuit saw each call end as its caller did, but for those it had to discard.
    let missing = [
        (seen.good, successes),
        (seen.bad, failures),
        (seen.limited, ignored),
        (seen.dropped, cancelled),
    ]
    .map(|(seen, counted)| seen.checked_sub(counted).expect("none is made up"));
    assert_eq!(missing.iter().sum::<u64>(), stale);
}

#[tokio::test(start_paused = true)]
async fn counts_add_up_over_three_hundred_thousand_calls() {
    soak(300_000, 1).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "half a minute of CPU time in a debug build"]
async fn counts_add_up_over_ten_million_calls() {
    soak(10_000_000, 2).await;
}
