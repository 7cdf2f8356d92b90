//! What holds for every script, however a provider behaves.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use stack::{Parts, call, chat};
use tokio::time::Instant;
use tower_steady_backoff_jitter::RetryLayer;
use tower_steady_circuit_breaker::CircuitBreakerLayer;
use tower_steady_core::{BoxError, Class, Failure, Report};
use tower_steady_deadline::{AttemptTimeoutLayer, DeadlineLayer};
use tower_steady_retry_budget::RetryBudgetLayer;
use tower_steady_testkit::{Answer, Call, Progress, Provider, Script, Sse};

const SECOND: Duration = Duration::from_secs(1);

/// Every way in which an answer can go wrong, and some in which it goes right.
fn answer() -> impl Strategy<Value = Answer> {
    let whole = prop_oneof![
        Just(Answer::ok_chat("Hello")),
        Just(Answer::rate_limited()),
        Just(Answer::insufficient_quota()),
        Just(Answer::invalid_request()),
        Just(Answer::unauthorized()),
        Just(Answer::server_error()),
        Just(Answer::bad_gateway()),
        Just(Answer::unavailable()),
        Just(Answer::overloaded()),
        Just(Answer::gateway_timeout()),
        Just(Answer::grpc_error(14, "unavailable")),
        Just(Answer::grpc_then(b"message", 13, "internal")),
    ];
    let stream = prop_oneof![
        Just(Sse::openai().text("Hel").text("lo").done()),
        Just(Sse::openai().rate_limited()),
        Just(Sse::responses().server_error()),
        Just(Sse::anthropic().overloaded()),
        Just(Sse::anthropic().text("Hel").overloaded()),
        Just(Sse::anthropic().text("Hel").cut()),
        Just(Sse::anthropic().text("Hel").hang()),
        Just(Sse::openai().hang()),
        Just(Sse::openai().wait(3 * SECOND).text("slow").done()),
    ];
    let none = prop_oneof![
        Just(Answer::hang()),
        Just(Answer::closed()),
        Just(Answer::reset()),
        Just(Answer::refused()),
    ];
    let hint = proptest::option::of(prop_oneof![
        (0..100_u64).prop_map(|seconds| seconds.to_string()),
        Just("99999999999999999999".to_owned()),
        Just("-1".to_owned()),
        Just("inf".to_owned()),
        Just("Wed, 21 Oct 2099 07:28:00 GMT".to_owned()),
    ]);
    let answer = prop_oneof![4 => whole, 2 => stream.prop_map(Answer::from), 1 => none];
    let cut = proptest::option::weighted(0.15, 0..200_u64);
    (answer, hint, 0..5_u32, cut).prop_map(|(mut answer, hint, delay, cut)| {
        if let Some(hint) = hint {
            answer = answer.header("retry-after", hint);
        }
        if let Some(bytes) = cut {
            answer = answer.cut_after(bytes);
        }
        answer.delay(delay * SECOND)
    })
}

#[derive(Clone, Debug)]
struct Setup {
    script: Vec<Answer>,
    calls: usize,
    max_attempts: u32,
    deadline: u32,
    tokens: u32,
    failures: u32,
    seed: u64,
}

fn setup() -> impl Strategy<Value = Setup> {
    (
        proptest::collection::vec(answer(), 1..8),
        1..4_usize,
        1..7_u32,
        1..200_u32,
        0..6_u32,
        1..6_u32,
        any::<u64>(),
    )
        .prop_map(
            |(script, calls, max_attempts, deadline, tokens, failures, seed)| Setup {
                script,
                calls,
                max_attempts,
                deadline,
                tokens,
                failures,
                seed,
            },
        )
}

/// The number of sends that the caller is told of.
fn told(result: &Result<stack::Answered, BoxError>) -> Option<usize> {
    match result {
        Ok(answered) => answered.report.as_ref().map(Report::sends),
        Err(error) => Failure::find(&**error)?.report().map(Report::sends),
    }
}

/// Whether the deadline ended an answer that was still coming.
fn is_impatient(result: &Result<stack::Answered, BoxError>) -> bool {
    let failure = result
        .as_ref()
        .err()
        .and_then(|error| Failure::find(&**error));
    failure.is_some_and(|failure| failure.outcome().impatient)
}

async fn hold(setup: Setup) -> Result<(), TestCaseError> {
    let provider = Provider::new(Script::new(setup.script.clone()).again());
    let deadline = setup.deadline * SECOND;
    let parts = Parts {
        deadline: DeadlineLayer::builder().timeout(deadline).build().unwrap(),
        retry: RetryLayer::builder()
            .max_attempts(setup.max_attempts)
            .seed(setup.seed)
            .build()
            .unwrap(),
        budget: RetryBudgetLayer::builder()
            .capacity(setup.tokens.into())
            .deposit(0.0)
            .reserve_per_second(0.0)
            .build()
            .unwrap(),
        breaker: CircuitBreakerLayer::builder()
            .consecutive_failures(setup.failures)
            .open_for(20 * SECOND)
            .seed(setup.seed)
            .build()
            .unwrap(),
        timeouts: AttemptTimeoutLayer::builder()
            .headers(30 * SECOND)
            .first_output(30 * SECOND)
            .idle(30 * SECOND)
            .build()
            .unwrap(),
        ..Parts::default()
    };
    let stack = parts.canonical(provider.service());
    let mut retries = 0;
    let mut cut_short = 0;
    for _ in 0..setup.calls {
        let start = Instant::now();
        let refused = provider.refused();
        let result = call(&stack, chat("http://provider")).await;
        let took = start.elapsed();
        let calls = provider.take_calls();
        let sends = calls.len() + (provider.refused() - refused) as usize;

        cut_short += u64::from(is_impatient(&result));
        prop_assert!(took <= deadline, "took {took:?} of {deadline:?}");
        prop_assert!(sends <= setup.max_attempts as usize, "{sends} sends");
        if let Some(told) = told(&result) {
            prop_assert_eq!(told, sends, "the report");
        } else {
            // A body that broke after the answer was handed on carries none.
            prop_assert!(sends <= 1 || result.is_err(), "no report on {sends} sends");
        }
        prop_assert!(
            calls.iter().all(|call| call.progress != Progress::Open),
            "left open"
        );
        retries += sends.saturating_sub(1);
        prop_assert!(retries <= setup.tokens as usize, "more than the budget has");

        // Whoever gets an answer gets the provider's own last one, from its first byte to its last; where
        // the next try could not be sent and the last answer was not whole, the last that was.
        if let (Ok(answered), Some(last)) = (&result, calls.last()) {
            let is = |call: &Call| {
                let answer = &setup.script[(call.number - 1) as usize % setup.script.len()];
                call.status == Some(answered.status) && answer.bytes() == answered.body
            };
            let kept = answered.veto().is_some() && calls.iter().any(is);
            prop_assert!(is(last) || kept, "not the provider's answer: {answered:?}");
        }
        if let (Ok(answered), true) = (&result, calls.is_empty()) {
            prop_assert_eq!(
                answered.class(),
                Class::Rejected,
                "an answer out of nowhere"
            );
        }
        tokio::time::sleep(SECOND).await;
    }
    let snapshot = parts.budget.handle().snapshot();
    prop_assert_eq!(
        snapshot.granted - snapshot.returned,
        retries as u64,
        "tokens"
    );
    let counts = parts.breaker.handle().counts();
    prop_assert_eq!(counts.cancelled, cut_short, "nothing was dropped here");
    prop_assert_eq!(provider.unready_calls(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/properties.seeds"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_script_breaks_a_promise(setup in setup()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(hold(setup))?;
    }
}
