//! Many callers at once behind one stack.

use std::time::Duration;

use stack::{Parts, call, chat};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower_steady_backoff_jitter::RetryLayer;
use tower_steady_circuit_breaker::State;
use tower_steady_testkit::{Answer, Call, Provider, Script, client};

const SECOND: Duration = Duration::from_secs(1);

/// How many of `calls` came within the busiest tenth of a second.
fn peak(calls: &[Call], since: Instant) -> usize {
    let times: Vec<_> = calls.iter().map(|call| call.at - since).collect();
    let within = |start: Duration| {
        times
            .iter()
            .filter(|at| (start..start + SECOND / 10).contains(*at))
            .count()
    };
    times.iter().map(|start| within(*start)).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_pauses_the_crowd_and_opens_no_circuit() {
    const CALLERS: usize = 200;
    let start = Instant::now();
    // Everybody is refused for the first 10 s.
    let script = Script::by(move |call| {
        let left = (10 * SECOND).saturating_sub(call.at - start);
        match left.is_zero() {
            true => Answer::ok_chat("Hello"),
            false => Answer::rate_limited()
                .retry_after_ms(left.as_millis() as u64)
                .delay(SECOND / 10),
        }
    });
    let provider = Provider::new(script);
    let parts = Parts {
        retry: RetryLayer::builder().seed(7).build().unwrap(),
        ..Parts::default()
    };
    let stack = parts.canonical(provider.service());
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let stack = stack.clone();
        callers.spawn(async move { call(&stack, chat("http://p")).await.unwrap().status });
    }
    let statuses = callers.join_all().await;
    let calls = provider.calls();
    let good = statuses
        .iter()
        .filter(|status| status.as_u16() == 200)
        .count();
    let (first, later): (Vec<_>, Vec<_>) = calls.into_iter().partition(|call| call.at == start);

    // Whom the budget allows comes back after the wait; nobody comes earlier, and not all at once.
    assert_eq!(first.len(), CALLERS);
    assert!(
        later.iter().all(|call| call.at >= start + 10 * SECOND),
        "somebody came early"
    );
    assert_eq!(later.len(), good, "{} retries", later.len());
    assert!(
        later.len() <= 10 + 2,
        "the budget's capacity, and its reserve of 10 s: {}",
        later.len()
    );
    assert!(peak(&later, start) <= CALLERS / 5);
    assert_eq!(parts.breaker.handle().state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_amplified_and_passes() {
    let provider = Provider::new(Answer::ok_chat("Hello"));
    let server = provider.serve().await.unwrap();
    let parts = Parts::default();
    let stack = parts.canonical(client());
    let mut callers = JoinSet::new();
    // Five calls a second for five minutes; the provider is ill for the middle three.
    for tick in 0..1500_u32 {
        let (stack, url) = (stack.clone(), server.url());
        callers.spawn(async move {
            sleep(tick * SECOND / 5).await;
            let result = call(&stack, chat(&url)).await;
            (tick, result.is_ok_and(|answered| answered.status == 200))
        });
    }
    sleep(60 * SECOND).await;
    provider.play(Answer::unavailable());
    let before = provider.received();
    sleep(180 * SECOND).await;
    let during = provider.received() - before;
    provider.play(Answer::ok_chat("Hello"));
    let good = callers.join_all().await;

    assert_eq!(before, 300, "one send a call while all is well");
    // 900 calls were made in the outage; the circuit let hardly any of them through.
    assert!(during <= 40, "{during} sends in the outage");
    assert!(during >= 6, "{during}: somebody has to find out");
    let served = |seconds: std::ops::Range<u32>| {
        let ticks = seconds.start * 5..seconds.end * 5;
        good.iter()
            .filter(|(tick, good)| ticks.contains(tick) && *good)
            .count()
    };
    assert_eq!(served(0..59), 295);
    // Open for 60 and 120 s, up to a tenth longer each: the probe after that finds it well.
    assert_eq!(served(265..300), 175);
    assert_eq!(parts.breaker.handle().counts().cancelled, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_on_many_threads_leave_the_books_in_order() {
    // No waits worth the name: this is about the sharing.
    let provider = Provider::new(Script::by(|call| match call.number % 5 {
        0 => Answer::server_error(),
        _ => Answer::ok_chat("Hello"),
    }));
    let soon = tower_steady_backoff_jitter::Plan::new(
        tower_steady_backoff_jitter::Schedule::fixed(Duration::ZERO),
        5,
    );
    let retry = RetryLayer::builder().plan(tower_steady_core::Class::ServerError, soon);
    let parts = Parts {
        retry: retry.build().unwrap(),
        ..Parts::default()
    };
    let stack = parts.canonical(provider.service());
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let stack = stack.clone();
        callers.spawn(async move {
            let mut good = 0;
            for _ in 0..250 {
                good += usize::from(call(&stack, chat("http://p")).await.unwrap().status == 200);
            }
            good
        });
    }
    let good: usize = callers.join_all().await.iter().sum();
    let budget = parts.budget.handle().snapshot();
    let sends = provider.received();
    assert_eq!(
        sends as u64,
        2000 + budget.granted - budget.returned,
        "every repeat was paid"
    );
    assert!(budget.spent <= 10.0 + 0.1 * good as f64 + 5.0, "{budget:?}");
    assert_eq!(provider.open(), 0);
    assert_eq!(provider.unready_calls(), 0);
}

/// One answer in 120 is a 429 by chance, with a short wait: that is no limit, and nobody is turned away
/// for it.
#[tokio::test(start_paused = true)]
async fn stray_rate_limits_turn_nobody_away() {
    const CALLERS: usize = 256;
    let provider = Provider::new(Script::by(|call| match call.number % 120 {
        7 => Answer::rate_limited().retry_after_ms(20).delay(SECOND / 20),
        number => Answer::ok_chat("Hello").delay(SECOND / 2 + SECOND * (number % 97) as u32 / 97),
    }));
    let parts = Parts {
        retry: RetryLayer::builder().seed(7).build().unwrap(),
        ..Parts::default()
    };
    let stack = parts.canonical(provider.service());
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let stack = stack.clone();
        callers.spawn(async move {
            let mut good = 0;
            while start.elapsed() < 60 * SECOND {
                let answered = call(&stack, chat("http://p")).await;
                good += usize::from(answered.unwrap().status == 200);
            }
            good
        });
    }
    let good: usize = callers.join_all().await.iter().sum();
    let budget = parts.budget.handle().snapshot();
    let (sends, retries) = (provider.received(), budget.granted - budget.returned);
    assert_eq!(
        sends as u64,
        good as u64 + retries,
        "each refusal was retried, and each call sent"
    );
    // 256 calls of a second each, in the mean, are 256 a second.
    assert!(good >= CALLERS * 60 * 9 / 10, "{good}");
}
