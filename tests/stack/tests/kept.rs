//! What becomes of a failed answer over the sleep: kept without its connection, or let go.

use std::time::Duration;

use stack::{Parts, call, chat};
use tokio::time::{Instant, sleep};
use tower_steady_circuit_breaker::CircuitBreakerLayer;
use tower_steady_core::{Class, Failure, VetoReason};
use tower_steady_retry_after::PauseLayer;
use tower_steady_retry_budget::RetryBudgetLayer;
use tower_steady_testkit::{Answer, Progress, Provider, client};

const SECOND: Duration = Duration::from_secs(1);

/// Nobody is held back here: the sleep is the retry loop's.
fn unpaused() -> Parts {
    let pause = PauseLayer::builder().classes([]).build().unwrap();
    Parts {
        pause,
        ..Parts::default()
    }
}

fn trips_at_once() -> Parts {
    let breaker = CircuitBreakerLayer::builder()
        .consecutive_failures(1)
        .build()
        .unwrap();
    Parts {
        breaker,
        ..unpaused()
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_kept_without_its_connection() {
    let server = Provider::new([
        Answer::unavailable().retry_after(20),
        Answer::ok_chat("to another caller"),
        Answer::ok_chat("Hello"),
    ])
    .serve()
    .await
    .unwrap();
    let stack = unpaused().canonical(client());
    let first = call(&stack, chat(&server.url()));
    let second = async {
        sleep(10 * SECOND).await;
        assert_eq!(server.calls().len(), 1, "the first one sleeps");
        call(&stack, chat(&server.url())).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.unwrap().status, 200);
    assert_eq!(second.unwrap().status, 200);
    assert_eq!(server.accepted(), 1, "three sends over one connection");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_whole_is_let_go_before_the_sleep() {
    // More than anybody peeks at, and never at its end.
    let endless = Answer::new(503)
        .body(vec![b' '; 1 << 20])
        .hang_after(1 << 19)
        .retry_after(20);
    let server = Provider::new([endless, Answer::ok_chat("Hello")])
        .serve()
        .await
        .unwrap();
    let stack = unpaused().canonical(client());
    let start = Instant::now();
    let (answered, ()) = tokio::join!(call(&stack, chat(&server.url())), async {
        let calls = server.provider().settled_first().await;
        assert_eq!(calls, Progress::Dropped);
        server.wait_for_open(0).await;
        assert!(start.elapsed() < 20 * SECOND, "{:?}", start.elapsed());
    });
    assert_eq!(answered.unwrap().status, 200);
    assert_eq!(server.accepted(), 2);
}

trait SettledFirst {
    async fn settled_first(&self) -> Progress;
}

impl SettledFirst for Provider {
    /// How the first call ended.
    async fn settled_first(&self) -> Progress {
        self.wait_for(1).await;
        self.settled().await[0].progress
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_an_open_circuit_rejects_gives_the_kept_answer_back() {
    let answer = Answer::unavailable().header("x-marker", "kept");
    let server = Provider::new(answer.clone()).serve().await.unwrap();
    let parts = trips_at_once();
    let stack = parts.canonical(client());

    let answered = call(&stack, chat(&server.url())).await.unwrap();
    assert_eq!(server.calls().len(), 1);
    assert_eq!(
        (answered.status, &answered.body),
        (answer.status(), &answer.bytes())
    );
    assert_eq!(answered.headers["x-marker"], "kept");
    assert_eq!(answered.class(), Class::Overloaded);
    assert_eq!(answered.veto(), Some(VetoReason::CircuitOpen));
    let budget = parts.budget.handle().snapshot();
    assert_eq!(
        budget.granted, budget.returned,
        "nothing was sent, nothing is paid"
    );

    // The next caller gets the rejection itself, at once.
    let error = call(&stack, chat(&server.url())).await.unwrap_err();
    let failure = Failure::find(&*error).unwrap();
    assert_eq!(failure.outcome().class, Class::Rejected);
    let veto = failure.outcome().veto.as_ref().unwrap();
    assert_eq!(veto.reason(), VetoReason::CircuitOpen);
    assert!(veto.time_left().is_some());
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_it_was_not_whole_its_head_is_in_the_report() {
    let endless = Answer::new(503)
        .body(vec![b' '; 1 << 20])
        .header("x-marker", "head");
    let server = Provider::new(endless).serve().await.unwrap();
    let stack = trips_at_once().canonical(client());
    // Either way the caller learns of the provider's answer: by the answer itself where there was
    // no sleep to let it go for, by its head otherwise.
    match call(&stack, chat(&server.url())).await {
        Ok(answered) => {
            assert_eq!(answered.veto(), Some(VetoReason::CircuitOpen));
            assert_eq!(answered.headers["x-marker"], "head");
        }
        Err(error) => {
            let failure = Failure::find(&*error).unwrap();
            let veto = failure.outcome().veto.as_ref().unwrap();
            assert_eq!(veto.reason(), VetoReason::CircuitOpen);
            let report = failure.report().unwrap();
            assert_eq!(report.sends(), 1);
            let head = report.last_head.as_ref().unwrap();
            assert_eq!(
                (head.status.as_u16(), &head.headers["x-marker"]),
                (503, &"head".parse().unwrap())
            );
        }
    }
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_gives_the_answer_as_it_came() {
    let answer = Answer::overloaded();
    let server = Provider::new(answer.clone()).serve().await.unwrap();
    let budget = RetryBudgetLayer::builder()
        .capacity(0.0)
        .reserve_per_second(0.0);
    let parts = Parts {
        budget: budget.build().unwrap(),
        ..Parts::default()
    };
    let start = Instant::now();
    let answered = call(&parts.canonical(client()), chat(&server.url()))
        .await
        .unwrap();
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "no sleep before a retry that cannot be"
    );
    assert_eq!(answered.veto(), Some(VetoReason::Budget));
    assert_eq!(answered.body, answer.bytes());
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_past_the_cap_ends_the_call_with_the_providers_answer() {
    for (name, answer) in [
        ("header", Answer::rate_limited().retry_after(13_262)),
        ("anthropic", Answer::anthropic_rate_limited(7_999)),
    ] {
        let server = Provider::new(answer.clone()).serve().await.unwrap();
        let stack = Parts::default().canonical(client());
        let answered = call(&stack, chat(&server.url())).await.unwrap();
        assert_eq!(answered.elapsed, Duration::ZERO, "{name}");
        assert_eq!(answered.veto(), Some(VetoReason::WaitOverCap), "{name}");
        assert_eq!(answered.body, answer.bytes(), "{name}");
        assert!(answered.outcome.wait.unwrap() > 7_000 * SECOND, "{name}");
        assert_eq!(server.calls().len(), 1, "{name}");
    }
}
