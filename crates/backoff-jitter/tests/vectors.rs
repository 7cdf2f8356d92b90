//! The published vectors of AWS's standard retry mode and of gRPC A6, as far as they are about delays
//! and attempts. The budgets in them belong to another layer; where a vector needs one, a gate here
//! keeps its count.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower::ServiceBuilder;
use tower_steady_backoff_jitter::{Jitter, Plan, RetryLayer, Schedule};
use tower_steady_core::{Class, Gate, Outcome, Veto, VetoReason};

use self::common::*;

fn millis(numbers: &[u64]) -> Vec<Duration> {
    numbers.iter().map(|n| Duration::from_millis(*n)).collect()
}

/// smithy-rs, `strategy/standard.rs`: "static" jitter of 1 is our `Jitter::None`.
#[tokio::test(start_paused = true)]
async fn aws_standard_mode_delays() {
    type Row<'a> = (&'a str, u64, u64, u32, usize, &'a [u64]);
    let rows: [Row<'_>; 8] = [
        // name, base, cap, attempts, failures; delays
        (
            "2.0: two errors, then a success",
            1_000,
            20_000,
            3,
            2,
            &[1_000, 2_000],
        ),
        (
            "2.0: three attempts and no more",
            1_000,
            20_000,
            3,
            9,
            &[1_000, 2_000],
        ),
        (
            "2.0: backoff timing",
            1_000,
            20_000,
            5,
            9,
            &[1_000, 2_000, 4_000, 8_000],
        ),
        (
            "2.0: max backoff",
            1_000,
            3_000,
            5,
            9,
            &[1_000, 2_000, 3_000, 3_000],
        ),
        (
            "2.1: two errors, then a success",
            50,
            20_000,
            3,
            2,
            &[50, 100],
        ),
        ("2.1: throttling", 1_000, 20_000, 3, 1, &[1_000]),
        ("2.1: max backoff", 50, 200, 5, 9, &[50, 100, 200, 200]),
        (
            "2.1: DynamoDB, 25 ms, four attempts",
            25,
            20_000,
            4,
            9,
            &[25, 50, 100],
        ),
    ];
    for (name, base, cap, attempts, failures, delays) in rows {
        let schedule =
            Schedule::exponential(Duration::from_millis(base)).cap(Duration::from_millis(cap));
        let layer = RetryLayer::builder()
            .max_attempts(attempts)
            .jitter(Jitter::None)
            .plan(Class::ServerError, Plan::new(schedule, attempts))
            .build()
            .unwrap();
        let provider = Provider::script((0..failures).map(|_| bare(500)));
        let service = ServiceBuilder::new()
            .layer(layer)
            .service(service(&provider));
        let answer = call(service, request()).await;
        assert_eq!(provider.gaps(), millis(delays), "{name}");
        assert_eq!(
            answer.unwrap().status() == 200,
            failures < attempts as usize,
            "{name}"
        );
    }
}

/// Attempt 33 is 2³² windows, where a u32 wraps: exactly the cap.
#[test]
fn aws_a_large_attempt_number_is_the_cap() {
    let cap = Duration::from_secs(20);
    let schedule = Schedule::exponential(Duration::from_secs(1)).cap(cap);
    for retry in [
        31,
        32,
        33,
        63,
        64,
        65,
        1023,
        1024,
        1025,
        u32::MAX - 1,
        u32::MAX,
    ] {
        assert_eq!(schedule.window(retry), cap, "{retry}");
    }
}

/// AWS 2.1 clamps the server's wait to `[t, t + 5 s]` around its own delay `t` and AWS 2.0 to its max
/// backoff. The lower bound is ours too; the upper goes back before the server asked, which a
/// provider of completions answers with the next 429, and is not.
#[tokio::test(start_paused = true)]
async fn aws_a_servers_wait_against_the_backoff_of_50_ms() {
    for (asked, delay) in [(3_000, 3_000), (10, 50), (10_000, 10_000), (30_000, 30_000)] {
        let schedule = Schedule::exponential(Duration::from_millis(50));
        let layer = RetryLayer::builder()
            .jitter(Jitter::None)
            .plan(Class::RateLimited, Plan::new(schedule, 3))
            .build()
            .unwrap();
        let provider = Provider::script([wait(429, Duration::from_millis(asked))]);
        let service = ServiceBuilder::new()
            .layer(layer)
            .service(service(&provider));
        let _ = call(service, request()).await;
        assert_eq!(provider.gaps(), millis(&[delay]), "{asked}");
    }
}

/// A6's throttle as a gate: a failed attempt costs a token, a success earns some, and retries are
/// allowed above half of the most.
#[derive(Debug)]
struct Throttle(Mutex<f64>);

impl Throttle {
    const MOST: f64 = 10.0;
    const RATIO: f64 = 0.5;
}

impl Gate for Throttle {
    fn take(&self, _: std::time::Instant) -> Result<(), Veto> {
        if *self.0.lock().unwrap() > Self::MOST / 2.0 {
            Ok(())
        } else {
            Err(Veto::new(VetoReason::Budget))
        }
    }

    fn give_back(&self) {}
}

/// grpc-go, `retry_test.go`, `TestRetryThrottling`: four attempts; the server answers OK at its calls
/// 0, 3, 6, 10 to 14, 16 and 18, and each row is a call of the client's: did it end well, and at
/// which call of the server's.
#[tokio::test(start_paused = true)]
async fn grpc_a6_attempts_under_its_throttle() {
    let throttle = Arc::new(Throttle(Mutex::new(Throttle::MOST)));
    let ok = [0, 3, 6, 10, 11, 12, 13, 14, 16, 18];
    let script = (0..19).map(|index| -> Play {
        let throttle = Arc::clone(&throttle);
        Box::new(move |request| {
            let mut tokens = throttle.0.lock().unwrap();
            if ok.contains(&index) {
                *tokens = (*tokens + Throttle::RATIO).min(Throttle::MOST);
                drop(tokens);
                return bare(200)(request);
            }
            *tokens = (*tokens - 1.0).max(0.0);
            drop(tokens);
            let mut answer = bare(503)(request);
            Outcome::amend(&mut answer, |outcome| outcome.add_gate(throttle));
            answer
        })
    });
    let provider = Provider::script(script);
    let schedule = Schedule::exponential(Duration::from_millis(10));
    let layer = RetryLayer::builder()
        .max_attempts(4)
        .plan(Class::Overloaded, Plan::new(schedule, 4))
        .build()
        .unwrap();
    let retry = ServiceBuilder::new()
        .layer(layer)
        .service(service(&provider));
    let mut ends = Vec::new();
    for _ in 0..12 {
        let answer = call(retry.clone(), request()).await.unwrap();
        ends.push((answer.status() == 200, provider.sends() - 1));
    }
    let expected = [
        (true, 0),
        (true, 3),
        (true, 6),
        (false, 8),
        (false, 9),
        (true, 10),
        (true, 11),
        (true, 12),
        (true, 13),
        (true, 14),
        (true, 16),
        (false, 17),
    ];
    assert_eq!(ends, expected);
}

/// A6: a pushback says when, and one that says never (the classifier's word: not transient) ends the
/// call, as do `maxAttempts` and a status that is not listed.
#[tokio::test(start_paused = true)]
async fn grpc_a6_pushback_and_attempts() {
    let never = || {
        noted(200, |outcome| {
            outcome.class = Class::Overloaded;
            outcome.transient = false;
        })
    };
    let unavailable = || {
        noted(200, |outcome| {
            *outcome = Outcome::new(Class::Overloaded);
        })
    };
    let later = || {
        noted(200, |outcome| {
            *outcome = Outcome::new(Class::Overloaded);
            outcome.wait = Some(Duration::from_millis(700));
        })
    };
    type Row = (Vec<Play>, usize, Vec<Duration>);
    let rows: [Row; 4] = [
        (vec![unavailable(), never()], 2, millis(&[1_000])),
        (vec![never()], 1, vec![]),
        (vec![later(), unavailable()], 3, millis(&[1_000, 2_000])),
        (
            (0..9).map(|_| unavailable()).collect(),
            4,
            millis(&[1_000, 2_000, 4_000]),
        ),
    ];
    for (plays, sends, delays) in rows {
        let provider = Provider::script(plays);
        let schedule = Schedule::exponential(Duration::from_secs(1));
        let layer = RetryLayer::builder()
            .max_attempts(4)
            .jitter(Jitter::None)
            .plan(Class::Overloaded, Plan::new(schedule, 4))
            .build()
            .unwrap();
        let service = ServiceBuilder::new()
            .layer(layer)
            .service(service(&provider));
        let _ = call(service, request()).await;
        assert_eq!((provider.sends(), provider.gaps()), (sends, delays));
    }
}
