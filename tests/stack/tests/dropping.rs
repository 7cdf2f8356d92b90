//! Dropping a call at every poll leaves nothing taken: no permit, no token, no probe, no turn.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use stack::{BoxService, Part, Parts, chat};
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{Service, ServiceExt};
use tower_layer::Layer;
use tower_steady_circuit_breaker::{CircuitBreakerLayer, State};
use tower_steady_core::BoxError;
use tower_steady_retry_budget::RetryBudgetLayer;
use tower_steady_testkit::cancel::{Dropped, at_every_poll};
use tower_steady_testkit::{Answer, Provider, Script, Sse};

const SECOND: Duration = Duration::from_secs(1);

async fn whole_call(mut stack: BoxService) -> Result<u16, BoxError> {
    let response = stack.ready().await?.call(chat("http://provider")).await?;
    let status = response.status().as_u16();
    response.into_body().collect().await?;
    Ok(status)
}

/// Slow at every point where a call can be slow.
fn slow_recovery() -> Script {
    Script::new([
        Answer::unavailable().delay(SECOND),
        Answer::rate_limited().retry_after(5).delay(SECOND),
        Answer::new(503).chunk("{").wait(SECOND).chunk("}"),
        Sse::openai()
            .wait(SECOND)
            .text("Hel")
            .wait(SECOND)
            .text("lo")
            .done()
            .into(),
    ])
    .again()
}

#[tokio::test(start_paused = true)]
async fn no_permit_and_no_token_stays_taken() {
    let provider = Provider::new(slow_recovery());
    let permits = Arc::new(Semaphore::new(1));
    // No income, so that every token is accounted for.
    let budget = RetryBudgetLayer::builder()
        .capacity(1e6)
        .deposit(0.0)
        .reserve_per_second(0.0)
        .build()
        .unwrap();
    let breaker = CircuitBreakerLayer::builder()
        .consecutive_failures(1000)
        .build()
        .unwrap();
    let parts = Parts {
        budget,
        breaker,
        ..Parts::default()
    };
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));

    let mut retries = 0;
    let dropped = at_every_poll(
        || {
            // Each call meets the script from its start.
            provider.play(slow_recovery());
            whole_call(parts.canonical(limit.layer(provider.service())))
        },
        async |end| {
            // What was sent is sent; only that is paid for.
            retries += provider.take_calls().len().saturating_sub(1);
            assert_eq!(permits.available_permits(), 1, "{end:?}");
            let snapshot = parts.budget.handle().snapshot();
            assert_eq!(
                snapshot.granted - snapshot.returned,
                retries as u64,
                "{end:?}"
            );
            assert_eq!(
                parts.budget.handle().balance(),
                Some(1e6 - retries as f64),
                "{end:?}"
            );
            if let Dropped::Finished(result) = end {
                assert_eq!(result.unwrap(), 200);
            }
        },
    )
    .await;
    assert!(dropped >= 8, "only {dropped} polls");
}

#[tokio::test(start_paused = true)]
async fn no_probe_stays_taken() {
    let answers = || -> [Answer; 2] {
        [
            Answer::ok_chat("Hello").delay(SECOND),
            Sse::openai()
                .wait(SECOND)
                .text("Hel")
                .wait(SECOND)
                .text("lo")
                .done()
                .into(),
        ]
    };
    for answer in answers() {
        let provider = Provider::new(answer.clone());
        let parts_of = || {
            // A lease longer than the test: the probe has to come back by itself.
            let breaker = CircuitBreakerLayer::builder()
                .consecutive_failures(1)
                .open_for(SECOND)
                .jitter(0.0)
                .probes(1)
                .probe_lease(Duration::from_secs(86_400))
                .build()
                .unwrap();
            Parts {
                breaker,
                ..Parts::default()
            }
        };
        let mut parts = parts_of();
        let dropped = at_every_poll(
            || {
                parts = parts_of();
                let stack = parts.canonical(provider.service());
                let (provider, answer) = (provider.clone(), answer.clone());
                async move {
                    provider.play(Answer::server_error().header("x-should-retry", "false"));
                    whole_call(stack.clone()).await?;
                    tokio::time::sleep(2 * SECOND).await;
                    provider.play(answer);
                    whole_call(stack).await
                }
            },
            async |_| {},
        )
        .await;
        assert!(dropped >= 3);

        // The same once more, and each time a second caller comes after the first was dropped.
        for polls in 0..=dropped {
            let parts = parts_of();
            let stack = parts.canonical(provider.service());
            provider.play(Answer::server_error().header("x-should-retry", "false"));
            whole_call(stack.clone()).await.unwrap();
            assert_eq!(parts.breaker.handle().state(), State::Open);
            tokio::time::sleep(2 * SECOND).await;
            provider.play(answer.clone());

            drop_after(polls, whole_call(stack.clone())).await;
            let second = whole_call(stack).await;
            assert_eq!(second.unwrap(), 200, "after {polls} polls");
            assert_eq!(
                parts.breaker.handle().state(),
                State::Closed,
                "after {polls} polls"
            );
        }
    }
}

/// Polls `future` so many times, whenever it is woken, and drops it.
async fn drop_after<F: Future>(polls: usize, future: F) {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        let mut polled = false;
        let over = std::future::poll_fn(|cx| {
            if std::mem::replace(&mut polled, true) {
                return std::task::Poll::Ready(false);
            }
            future.as_mut().poll(cx).map(|_| true)
        });
        if over.await {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_turn_in_a_pause_stays_taken() {
    let provider = Provider::new(Answer::ok_chat("Hello"));
    let parts = Parts::default();
    let stack = || parts.canonical(provider.service());

    // Somebody is told to stay away for 20 s; others come meanwhile and are dropped waiting.
    provider
        .play(Script::new([Answer::rate_limited().retry_after(20)]).then(Answer::ok_chat("Hello")));
    let first = tokio::spawn(whole_call(stack()));
    provider.wait_for(1).await;
    tokio::task::yield_now().await;
    for polls in 1..4 {
        drop_after(polls, tokio::time::timeout(SECOND, whole_call(stack()))).await;
    }
    assert_eq!(first.await.unwrap().unwrap(), 200);
    assert_eq!(
        provider.received(),
        2,
        "those who were dropped were never sent"
    );

    // Nobody queues behind those who are gone.
    let start = tokio::time::Instant::now();
    assert_eq!(whole_call(stack()).await.unwrap(), 200);
    assert!(start.elapsed() <= 2 * SECOND, "{:?}", start.elapsed());
}

/// Its delay is over and the loop has passed it on, but it was never sent.
#[tokio::test(start_paused = true)]
async fn a_retry_that_a_pause_still_holds_costs_nothing() {
    let provider = Provider::new(Script::new([
        Answer::new(503),
        Answer::rate_limited().retry_after(20),
    ]));
    let parts = Parts::default();
    let stack = || parts.canonical(provider.service());
    let (failed, refused) = (whole_call(stack()), whole_call(stack()));
    let both = async { tokio::join!(failed, refused) };
    tokio::time::timeout(10 * SECOND, both).await.unwrap_err();
    assert_eq!(provider.received(), 2);
    let snapshot = parts.budget.handle().snapshot();
    assert!(snapshot.granted > 0);
    assert_eq!(snapshot.granted, snapshot.returned);
}

#[tokio::test(start_paused = true)]
async fn wrong_orders_leave_nothing_taken_either() {
    let mut reversed = Part::CANONICAL;
    reversed.reverse();
    for order in [reversed, {
        let mut rotated = Part::CANONICAL;
        rotated.rotate_left(4);
        rotated
    }] {
        let provider = Provider::new(slow_recovery());
        let permits = Arc::new(Semaphore::new(1));
        let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
        at_every_poll(
            || {
                provider.play(slow_recovery());
                let parts = Parts::default();
                whole_call(parts.stack(&order, limit.layer(provider.service())))
            },
            async |end| assert_eq!(permits.available_permits(), 1, "{order:?}, {end:?}"),
        )
        .await;
        assert_eq!(provider.open(), 0);
    }
}
