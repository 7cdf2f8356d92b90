//! The published test vectors of the budgets that the presets follow, through the layer.

mod common;

use std::time::Duration;

use common::{Answer, ask, ask_at_gate, call, gate, repeat, request, send};
use tower_steady_core::{Attempt, Class, Grant, Outcome};
use tower_steady_retry_budget::{RetryBudgetBuilder, RetryBudgetLayer};

/// One operation of at most `attempts` tries; gives the balance after each grant, refusal or success.
async fn operation(layer: &RetryBudgetLayer, statuses: &[u16], attempts: usize) -> Vec<f64> {
    let mut balances = Vec::new();
    let mut before: Option<Class> = None;
    for (index, status) in statuses.iter().enumerate() {
        let number = u32::try_from(index).unwrap() + 1;
        let mut answer: Answer = match before {
            None => send(layer, request(*status)).await,
            Some(class) => {
                send(
                    layer,
                    repeat(*status, Attempt::new(number, true).after(class)),
                )
                .await
            }
        };
        let outcome = Outcome::read(&answer);
        before = Some(outcome.class);
        let granted = if outcome.may_retry() && index + 1 < attempts {
            let asked = ask(&mut answer);
            asked.map(Grant::spend).is_ok()
        } else {
            false
        };
        balances.push(layer.handle().balance().unwrap());
        if !granted {
            break;
        }
    }
    balances
}

struct Aws {
    name: &'static str,
    preset: fn() -> RetryBudgetBuilder,
    capacity: f64,
    attempts: usize,
    /// Each operation: the statuses, and the balance after each of them.
    operations: &'static [(&'static [u16], &'static [f64])],
}

/// From the tests of smithy-rs (`strategy/standard.rs`) and the specification of 2026. An error that
/// is neither a timeout nor a transport failure is a 500, one that is a 504.
#[tokio::test(start_paused = true)]
async fn aws_standard_mode() {
    let cases = [
        Aws {
            name: "1: two errors, then a success gives the last price back",
            preset: RetryBudgetBuilder::aws_2_0,
            capacity: 500.0,
            attempts: 3,
            operations: &[(&[500, 500, 200], &[495.0, 490.0, 495.0])],
        },
        Aws {
            name: "2: the last attempt asks for nothing",
            preset: RetryBudgetBuilder::aws_2_0,
            capacity: 500.0,
            attempts: 3,
            operations: &[(&[500, 500, 500], &[495.0, 490.0, 490.0])],
        },
        Aws {
            name: "3: out of tokens",
            preset: RetryBudgetBuilder::aws_2_0,
            capacity: 5.0,
            attempts: 3,
            operations: &[(&[500, 500, 500], &[0.0, 0.0])],
        },
        Aws {
            name: "4: a timeout costs ten, and ten come back",
            preset: RetryBudgetBuilder::aws_2_0,
            capacity: 100.0,
            attempts: 3,
            operations: &[(&[504, 504, 200], &[90.0, 80.0, 90.0])],
        },
        Aws {
            name: "6: five attempts",
            preset: RetryBudgetBuilder::aws_2_0,
            capacity: 500.0,
            attempts: 5,
            operations: &[(&[500; 5], &[495.0, 490.0, 485.0, 480.0, 480.0])],
        },
        Aws {
            name: "11: 2.1 takes fourteen",
            preset: RetryBudgetBuilder::aws_2_1,
            capacity: 500.0,
            attempts: 3,
            operations: &[(&[500, 500, 200], &[486.0, 472.0, 486.0])],
        },
        Aws {
            name: "12: exactly one retry in the bucket",
            preset: RetryBudgetBuilder::aws_2_1,
            capacity: 14.0,
            attempts: 3,
            operations: &[(&[500, 500], &[0.0, 0.0])],
        },
        Aws {
            name: "13: an empty bucket for good",
            preset: RetryBudgetBuilder::aws_2_1,
            capacity: 0.0,
            attempts: 3,
            operations: &[(&[500], &[0.0])],
        },
        Aws {
            name: "14: a rest that does not suffice stays",
            preset: RetryBudgetBuilder::aws_2_1,
            capacity: 20.0,
            attempts: 3,
            operations: &[(&[500, 500], &[6.0, 6.0])],
        },
        Aws {
            name: "15: what comes back serves the next operation",
            preset: RetryBudgetBuilder::aws_2_1,
            capacity: 30.0,
            attempts: 3,
            operations: &[
                (&[500, 500, 200], &[16.0, 2.0, 16.0]),
                (&[500, 200], &[2.0, 16.0]),
            ],
        },
        Aws {
            name: "16: a rate limit costs five",
            preset: RetryBudgetBuilder::aws_2_1,
            capacity: 500.0,
            attempts: 3,
            operations: &[(&[429, 200], &[495.0, 500.0])],
        },
        Aws {
            name: "17: five attempts",
            preset: RetryBudgetBuilder::aws_2_1,
            capacity: 500.0,
            attempts: 5,
            operations: &[(&[500; 5], &[486.0, 472.0, 458.0, 444.0, 444.0])],
        },
    ];
    for case in cases {
        let layer = (case.preset)().capacity(case.capacity).build().unwrap();
        for (statuses, balances) in case.operations {
            let seen = operation(&layer, statuses, case.attempts).await;
            assert_eq!(seen, *balances, "{}", case.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn aws_5_twenty_first_successes_fill_an_empty_bucket_of_twenty() {
    let layer = RetryBudgetBuilder::aws_2_0()
        .capacity(20.0)
        .build()
        .unwrap();
    assert_eq!(
        operation(&layer, &[504, 504, 504], 3).await,
        [10.0, 0.0, 0.0]
    );
    for successes in 1..=20 {
        let _ = call(&layer, &[200]).await;
        assert_eq!(layer.handle().balance(), Some(f64::from(successes)));
    }
    let _ = call(&layer, &[200]).await;
    assert_eq!(layer.handle().balance(), Some(20.0));
}

#[tokio::test(start_paused = true)]
async fn aws_9_two_permits_of_five_in_a_bucket_of_ten() {
    let layer = RetryBudgetBuilder::aws_2_0()
        .capacity(10.0)
        .build()
        .unwrap();
    let gate = gate(&mut send(&layer, request(500)).await).unwrap();
    let held = [ask_at_gate(gate.clone()), ask_at_gate(gate.clone())];
    assert!(held.iter().all(Result::is_ok));
    assert!(ask_at_gate(gate).is_err());
}

/// Where the retry layer does not say what the last try came to, the lowest price comes back.
#[tokio::test(start_paused = true)]
async fn aws_never_gives_back_more_than_was_taken() {
    let layer = RetryBudgetLayer::aws_2_1();
    let mut answer = send(&layer, request(500)).await;
    ask(&mut answer).unwrap().spend();
    send(&layer, repeat(200, Attempt::new(2, true)))
        .await
        .unwrap();
    assert_eq!(layer.handle().balance(), Some(500.0 - 14.0 + 5.0));
}

/// smithy-rs, `token_bucket.rs`.
#[tokio::test(start_paused = true)]
async fn aws_21_fractions_of_a_token_add_up() {
    let builder = RetryBudgetLayer::builder()
        .deposit(0.4)
        .initial(0.0)
        .reserve_per_second(0.0);
    let handle = builder.build().unwrap().handle();
    let mut whole = Vec::new();
    for _ in 0..3 {
        handle.deposit();
        whole.push(handle.balance().unwrap().floor());
    }
    assert_eq!(whole, [0.0, 0.0, 1.0]);
    assert!(handle.withdraw());
    assert_eq!(handle.balance(), Some(0.2));
}

#[tokio::test(start_paused = true)]
async fn aws_22_slow_refills_lose_nothing() {
    for (per_second, seconds, balance) in [
        (10.0, 2, 20.0),
        (0.001, 1_100, 1.1),
        (0.0001, 11_000, 1.1),
        (0.001, 500, 0.5),
    ] {
        let builder = RetryBudgetLayer::builder().reserve_per_second(per_second);
        let handle = builder
            .initial(0.0)
            .capacity(100.0)
            .build()
            .unwrap()
            .handle();
        // Asked in between, in steps that do not divide the rate, it comes to the same.
        for _ in 0..seconds {
            tokio::time::advance(Duration::from_millis(999)).await;
            let _ = handle.balance();
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(handle.balance(), Some(balance), "{per_second} a second");
    }
}

#[tokio::test(start_paused = true)]
async fn aws_24_refill_and_rewards_meet_in_one_bucket() {
    let builder = RetryBudgetLayer::builder()
        .deposit(0.5)
        .reserve_per_second(1.0);
    let handle = builder.initial(0.0).build().unwrap().handle();
    handle.deposit();
    handle.deposit();
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(handle.balance(), Some(3.0));
}

/// grpc-go, `test/retry_test.go`: 10 tokens, ratio 0.5, four attempts. The tokens in that file's
/// comments are off in three places; these are recomputed from proposal A6.
#[tokio::test(start_paused = true)]
async fn grpc_29_throttling() {
    let layer = RetryBudgetBuilder::grpc().deposit(0.5).build().unwrap();
    let up = [0, 3, 6, 10, 11, 12, 13, 14, 16, 18];
    let server = |index: usize| if up.contains(&index) { 200 } else { 503 };
    let expected = [
        (200, 0, 10.0),
        (200, 3, 8.5),
        (200, 6, 7.0),
        (503, 8, 5.0),
        (503, 9, 4.0),
        (200, 10, 4.5),
        (200, 11, 5.0),
        (200, 12, 5.5),
        (200, 13, 6.0),
        (200, 14, 6.5),
        (200, 16, 6.0),
        (503, 17, 5.0),
    ];
    let mut next = 0;
    for (status, last, tokens) in expected {
        let statuses: Vec<u16> = (next..next + 4).map(server).collect();
        let (sent, answer) = call(&layer, &statuses).await;
        next += sent;
        assert_eq!(answer.unwrap().status(), status, "call {last}");
        assert_eq!(next - 1, last);
        assert_eq!(layer.handle().balance(), Some(tokens), "after call {last}");
    }
}

/// A failure that is not to be retried costs nothing, unless the server forbids the retry of one
/// that is (pushback): A6 counts that.
#[tokio::test(start_paused = true)]
async fn grpc_counts_what_is_retryable_and_what_the_server_forbids() {
    let layer = RetryBudgetLayer::grpc();
    let _ = call(&layer, &[400]).await;
    assert_eq!(layer.handle().balance(), Some(10.0));
    let pushed_back = tower::ServiceBuilder::new()
        .layer(&layer)
        .service_fn(|request| async {
            let mut answer = common::provider(request)
                .await
                .map_err(tower::BoxError::from);
            Outcome::amend(&mut answer, |outcome| outcome.transient = false);
            answer
        });
    let mut answer = tower::ServiceExt::oneshot(pushed_back, request(503)).await;
    assert!(gate(&mut answer).is_none());
    assert_eq!(layer.handle().balance(), Some(9.0));
}
