//! The values: what is counted is what happened, and a gauge is right after every change.

use std::time::Duration;

use metrics::set_default_local_recorder;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tower::ServiceBuilder;
use tower_steady::backoff_jitter::{Jitter, RetryLayer};
use tower_steady::circuit_breaker::CircuitBreakerLayer;
use tower_steady::classify::ClassifyLayer;
use tower_steady::retry_after::RetryAfterLayer;
use tower_steady::retry_budget::RetryBudgetLayer;
use tower_steady_testkit::{Answer, Provider, Script, Sse};

use crate::drive::{SECOND, call, failing};
use crate::recorded::series;

/// Every series of the metrics whose names begin so: the rest of its name, its labels' values, and its
/// value. What is told once is forgotten.
fn told<const N: usize>(recorder: &DebuggingRecorder, prefixes: [&str; N]) -> Vec<String> {
    let mut told: Vec<_> = series(recorder)
        .into_iter()
        .filter_map(|(metric, labels, value)| {
            let rest = prefixes
                .iter()
                .find_map(|prefix| metric.strip_prefix(prefix))?;
            let labels = labels.into_values().collect::<Vec<_>>().join(" ");
            let value = match value {
                DebugValue::Counter(count) => count.to_string(),
                DebugValue::Gauge(level) => level.to_string(),
                DebugValue::Histogram(values) => {
                    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                    values.join(" ")
                }
            };
            Some(format!("{rest} [{labels}] {value}"))
        })
        .collect();
    told.sort();
    told
}

#[tokio::test(start_paused = true)]
async fn a_call_counts_its_tries_waits_and_time() {
    let recorder = DebuggingRecorder::new();
    let _installed = set_default_local_recorder(&recorder);
    let retry = RetryLayer::builder().jitter(Jitter::None).name("tries");
    let stack = ServiceBuilder::new()
        .layer(retry.max_attempts(3).build().unwrap())
        .layer(RetryAfterLayer::new())
        .layer(ClassifyLayer::new());
    let slow = Answer::rate_limited().retry_after(2);
    let provider = Provider::new([
        Answer::unavailable(),
        slow.clone(),
        Answer::ok_chat("Hello"),
        slow.clone(),
        slow.clone(),
        slow,
        Answer::unauthorized(),
    ]);
    for _ in 0..3 {
        call(&stack, &provider).await;
    }
    assert_eq!(
        told(
            &recorder,
            ["tower_steady.retry.", "gen_ai.client.operation."]
        ),
        [
            "attempts [auth tries] 1",
            "attempts [overloaded tries] 1",
            "attempts [rate_limited tries] 4",
            "attempts [success tries] 1",
            "duration [auth tries] 0",
            "duration [rate_limited tries] 4",
            "duration [tries] 4",
            "give_ups [rate_limited tries attempts] 1",
            "retries [overloaded tries] 1",
            "retries [rate_limited tries] 3",
            "wait [overloaded tries] 2",
            "wait [rate_limited tries] 2 2 2",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_streams_first_output_and_end_are_timed_and_nothing_elses() {
    let recorder = DebuggingRecorder::new();
    let _installed = set_default_local_recorder(&recorder);
    let late = Sse::openai().comment("thinking").wait(3 * SECOND);
    let provider = Provider::new([
        Answer::from(late.text("Hello").wait(SECOND).text("again").done()),
        Answer::ok_chat("Hello"),
        Answer::from(Sse::openai().overloaded()),
        Answer::from(Sse::openai().text("Hello").wait(SECOND).cut()),
    ]);
    for _ in 0..4 {
        call(&ClassifyLayer::new(), &provider).await;
    }
    let times = told(
        &recorder,
        ["gen_ai.client.operation.", "tower_steady.classify."],
    );
    assert_eq!(
        times,
        [
            "failures [overloaded] 1",
            "stream_duration [] 4",
            "stream_duration [transport] 1",
            "stream_failures [transport] 1",
            "time_to_first_chunk [] 3 0",
        ]
    );
}

/// The states whose gauge is not zero.
fn states(recorder: &DebuggingRecorder) -> Vec<String> {
    let mut told = told(recorder, ["tower_steady.circuit_breaker.circuits"]);
    assert!(told.is_empty() || told.len() == 5, "{told:?}");
    told.retain(|line| !line.ends_with("] 0"));
    told
}

#[tokio::test(start_paused = true)]
async fn a_circuit_is_counted_in_its_state_and_in_no_other() {
    let recorder = DebuggingRecorder::new();
    let installed = set_default_local_recorder(&recorder);
    let breaker = CircuitBreakerLayer::builder()
        .name("states")
        .consecutive_failures(1)
        .open_for(SECOND)
        .jitter(0.0)
        .build()
        .unwrap();
    let handle = breaker.handle();
    assert_eq!(states(&recorder), [" [states closed] 1"]);

    let probe = Sse::openai()
        .text("Hello")
        .wait(SECOND)
        .text("again")
        .done();
    let provider = Provider::new([failing(), Answer::from(probe)]);
    call(&breaker, &provider).await;
    assert_eq!(states(&recorder), [" [states open] 1"]);
    tokio::time::advance(SECOND).await;
    let mut half_open = Vec::new();
    let probing = ServiceBuilder::new()
        .layer(breaker.clone())
        .layer(ClassifyLayer::new());
    tokio::join!(call(&probing, &provider), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        half_open = states(&recorder);
    });
    assert_eq!(half_open, [" [states half_open] 1"]);
    assert_eq!(states(&recorder), [" [states closed] 1"]);
    handle.force_open();
    assert_eq!(states(&recorder), [" [states forced_open] 1"]);
    handle.force_closed();
    assert_eq!(states(&recorder), [" [states forced_closed] 1"]);

    // A recorder that comes late, and a second circuit of the same name.
    drop(installed);
    let recorder = DebuggingRecorder::new();
    let _installed = set_default_local_recorder(&recorder);
    handle.force_open();
    let twin = CircuitBreakerLayer::builder()
        .name("states")
        .build()
        .unwrap();
    let both = [" [states closed] 1", " [states forced_open] 1"];
    assert_eq!(states(&recorder), both);
    drop((twin, probing, breaker, handle));
    assert_eq!(states(&recorder), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_balance_is_the_budgets_own_after_every_change() {
    let recorder = DebuggingRecorder::new();
    let _installed = set_default_local_recorder(&recorder);
    let budget = RetryBudgetLayer::builder()
        .name("balance")
        .capacity(2.0)
        .deposit(0.5)
        .reserve_per_second(0.0)
        .build()
        .unwrap();
    let handle = budget.handle();
    let retry = RetryLayer::builder().max_attempts(2).build().unwrap();
    let stack = ServiceBuilder::new().layer(retry).layer(budget.clone());
    let good = || Answer::ok_chat("Hello");
    let bad = [(); 5].map(|()| failing());
    let answers = [good()]
        .into_iter()
        .chain(bad)
        .chain([(); 4].map(|()| good()));
    let provider = Provider::new(Script::new(answers));
    let mut balances = Vec::new();
    for _ in 0..8 {
        call(&stack, &provider).await;
        let told = told(&recorder, ["tower_steady.retry_budget.balance"]);
        let balance = handle.balance().unwrap();
        assert_eq!(told, [format!(" [balance] {balance}")]);
        balances.push(balance);
    }
    assert_eq!(balances, [2.0, 1.0, 0.0, 0.0, 0.5, 1.0, 1.5, 2.0]);
}
