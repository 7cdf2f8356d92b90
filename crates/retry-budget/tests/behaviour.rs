//! What the ratio budget does in a stack, on the paused clock.

mod common;

use std::time::Duration;

use common::{Body, ask, ask_at_gate, call, failure, gate, repeat, request, send};
use http::{Request, Response};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_steady_core::{Attempt, BoxError, Class, Failure, Outcome, Veto, VetoReason};
use tower_steady_retry_budget::{BudgetExhausted, RetryBudgetLayer};

fn small() -> RetryBudgetLayer {
    let builder = RetryBudgetLayer::builder().capacity(2.0);
    builder.reserve_per_second(0.0).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_amplified_once_the_bucket_is_empty() {
    let layer = small();
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(call(&layer, &[503; 3]).await.0);
    }
    assert_eq!(sent, [3, 1, 1, 1, 1]);
    let snapshot = layer.handle().snapshot();
    assert_eq!(snapshot.balance, Some(0.0));
    assert_eq!((snapshot.granted, snapshot.denied), (2, 4));
    assert_eq!(snapshot.spent.to_bits(), 2.0_f64.to_bits());
}

#[tokio::test(start_paused = true)]
async fn the_caller_of_a_refused_retry_gets_the_answer_with_the_figures_in_the_veto() {
    let layer = small();
    let _ = call(&layer, &[503; 3]).await;
    let (sent, answer) = call(&layer, &[503; 3]).await;
    assert_eq!(sent, 1);
    assert_eq!(answer.as_ref().unwrap().status(), 503);
    let veto = Outcome::read(&answer).veto.unwrap();
    assert_eq!(veto.reason(), VetoReason::Budget);
    assert_eq!(veto.details(), Some("balance 0 tokens, a retry costs 1"));
}

#[tokio::test(start_paused = true)]
async fn ten_successes_fund_one_retry_exactly() {
    let layer = small();
    let _ = call(&layer, &[503; 3]).await;
    for _ in 0..9 {
        let _ = call(&layer, &[200]).await;
        assert_eq!(call(&layer, &[503, 200]).await.0, 1);
    }
    let _ = call(&layer, &[200]).await;
    // 10 × 0.1 is 1, which in floating point it is not.
    assert_eq!(call(&layer, &[503, 400]).await.0, 2);
    assert_eq!(layer.handle().balance(), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_first_try_is_never_refused() {
    let layer = RetryBudgetLayer::builder().capacity(0.0).build().unwrap();
    for _ in 0..100 {
        let (sent, answer) = call(&layer, &[503, 200]).await;
        assert_eq!((sent, answer.unwrap().status().as_u16()), (1, 503));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_but_a_transient_outcome_without_a_veto_gets_a_gate() {
    let layer = RetryBudgetLayer::new();
    for (status, gated) in [
        (200, false),
        (302, false),
        (400, false),
        (401, false),
        (404, false),
        (409, true),
        (429, true),
        (500, true),
        (503, true),
        (504, true),
        (501, false),
    ] {
        let mut answer = send(&layer, request(status)).await;
        let found = match Outcome::note(&answer) {
            Some(_) => gate(&mut answer).is_some(),
            None => false,
        };
        assert_eq!(found, gated, "{status}");
    }
    assert_eq!(layer.handle().balance(), Some(10.0));
}

/// A layer in between that changes what is known about the answer.
fn amended(
    layer: &RetryBudgetLayer,
    change: fn(&mut Outcome),
) -> impl Service<Request<Body>, Response = Response<Body>, Error = BoxError> {
    ServiceBuilder::new()
        .layer(layer)
        .service_fn(move |request| async move {
            let mut answer = common::provider(request).await.map_err(BoxError::from);
            Outcome::amend(&mut answer, change);
            answer
        })
}

#[tokio::test(start_paused = true)]
async fn the_note_goes_before_the_status() {
    let layer = RetryBudgetLayer::new();
    let spent_quota = |outcome: &mut Outcome| *outcome = Outcome::new(Class::QuotaExhausted);
    let mut answer = amended(&layer, spent_quota).oneshot(request(429)).await;
    assert!(gate(&mut answer).is_none());

    let forbidden = |outcome: &mut Outcome| outcome.forbid(Veto::new(VetoReason::CircuitOpen));
    let mut answer = amended(&layer, forbidden).oneshot(request(503)).await;
    assert!(gate(&mut answer).is_none());

    // The server asks for a retry of a class that has none (`x-should-retry: true`).
    let overruled = |outcome: &mut Outcome| outcome.transient = true;
    let mut answer = amended(&layer, overruled).oneshot(request(400)).await;
    assert!(gate(&mut answer).is_some());

    // A 200 that holds an error funds nothing.
    let layer = RetryBudgetLayer::builder().initial(0.0).build().unwrap();
    let in_body = |outcome: &mut Outcome| *outcome = Outcome::new(Class::Overloaded);
    let _ = amended(&layer, in_body).oneshot(request(200)).await;
    assert_eq!(layer.handle().balance(), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn an_error_without_a_note_is_a_transport_failure_and_keeps_its_source() {
    let layer = RetryBudgetLayer::new();
    let mut service = ServiceBuilder::new()
        .layer(&layer)
        .service_fn(|_: Request<Body>| async {
            Err::<Response<Body>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
        });
    let mut answer = service.ready().await.unwrap().call(request(200)).await;
    assert!(gate(&mut answer).is_some());
    let failure = failure(&answer);
    assert_eq!(failure.outcome().class, Class::Transport);
    assert!(failure.find_source::<std::io::Error>().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_is_dropped_gives_its_price_back() {
    let layer = small();
    let mut answer = send(&layer, request(503)).await;
    let gate = gate(&mut answer).unwrap();
    let one = ask_at_gate(gate.clone()).unwrap();
    let two = ask_at_gate(gate.clone()).unwrap();
    assert!(ask_at_gate(gate.clone()).is_err());
    drop(one);
    assert_eq!(layer.handle().balance(), Some(1.0));
    two.spend();
    assert_eq!(layer.handle().balance(), Some(1.0));
    let snapshot = layer.handle().snapshot();
    assert_eq!(
        (snapshot.granted, snapshot.returned, snapshot.denied),
        (2, 1, 1)
    );
    assert_eq!(snapshot.spent.to_bits(), 1.0_f64.to_bits());
}

#[tokio::test(start_paused = true)]
async fn a_repeat_that_nobody_paid_for_is_charged_or_rejected_before_it_is_sent() {
    let layer = small();
    for balance in [1.0, 0.0] {
        assert!(
            send(&layer, repeat(400, Attempt::new(2, false)))
                .await
                .is_ok()
        );
        assert_eq!(layer.handle().balance(), Some(balance));
    }
    let answer = send(&layer, repeat(400, Attempt::new(3, false))).await;
    let failure = failure(&answer);
    assert_eq!(failure.outcome().class, Class::Rejected);
    assert!(!failure.outcome().sent);
    let veto = failure.outcome().veto.as_ref().unwrap();
    assert_eq!(veto.reason(), VetoReason::Budget);
    let source = failure.find_source::<BudgetExhausted>().unwrap();
    assert_eq!(source.attempt(), 3);
    assert_eq!(
        source.to_string(),
        "retry budget exhausted, attempt 3 not sent"
    );
    // A paid one passes whatever the balance, for it has been paid.
    assert!(
        send(&layer, repeat(400, Attempt::new(3, true)))
            .await
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn an_unpaid_repeat_that_is_rejected_further_in_or_never_polled_costs_nothing() {
    let layer = small();
    let rejecting = ServiceBuilder::new()
        .layer(&layer)
        .service_fn(|_: Request<Body>| async {
            let outcome = Outcome::rejected(Veto::new(VetoReason::CircuitOpen));
            Err::<Response<Body>, _>(Failure::new(outcome, "circuit open"))
        });
    let answer = rejecting.oneshot(repeat(200, Attempt::new(2, false))).await;
    assert_eq!(failure(&answer).outcome().class, Class::Rejected);
    assert_eq!(layer.handle().balance(), Some(2.0));

    let mut service = ServiceBuilder::new()
        .layer(&layer)
        .service_fn(common::provider);
    let unpolled = service
        .ready()
        .await
        .unwrap()
        .call(repeat(200, Attempt::new(2, false)));
    assert_eq!(layer.handle().balance(), Some(1.0));
    drop(unpolled);
    assert_eq!(layer.handle().balance(), Some(2.0));

    // Dropped under way it may have been sent, and stays paid.
    let mut hanging = ServiceBuilder::new()
        .layer(&layer)
        .service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, BoxError>>());
    let sent = hanging
        .ready()
        .await
        .unwrap()
        .call(repeat(200, Attempt::new(2, false)));
    let timeout = tokio::time::timeout(Duration::from_secs(1), sent).await;
    assert!(timeout.is_err());
    assert_eq!(layer.handle().balance(), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn the_reserve_lets_a_quiet_process_retry_but_saves_no_more_than_the_capacity() {
    let layer = RetryBudgetLayer::builder()
        .capacity(2.0)
        .reserve_per_second(0.1)
        .build()
        .unwrap();
    assert_eq!(call(&layer, &[503; 4]).await.0, 3);
    tokio::time::advance(Duration::from_millis(9_999)).await;
    assert_eq!(call(&layer, &[503; 2]).await.0, 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(call(&layer, &[503; 2]).await.0, 2);
    tokio::time::advance(Duration::from_secs(30 * 24 * 3600)).await;
    assert_eq!(layer.handle().balance(), Some(2.0));
    assert_eq!(call(&layer, &[503; 4]).await.0, 3);
}

#[tokio::test(start_paused = true)]
async fn a_class_may_have_its_own_price() {
    let builder = RetryBudgetLayer::builder()
        .capacity(1.0)
        .reserve_per_second(0.0);
    let layer = builder.cost_of(Class::RateLimited, 0.25).build().unwrap();
    assert_eq!(call(&layer, &[429; 9]).await.0, 5);
    assert_eq!(call(&layer, &[503; 9]).await.0, 1);
}

#[tokio::test(start_paused = true)]
async fn two_routes_share_a_budget_exactly_when_they_share_the_layer() {
    let (one, other) = (small(), small());
    let shared = one.clone();
    let _ = call(&one, &[503; 3]).await;
    assert_eq!(call(&shared, &[503; 3]).await.0, 1);
    assert_eq!(call(&other, &[503; 3]).await.0, 3);
}

/// finagle#956: a success that passes two layers of one budget is one success.
#[tokio::test(start_paused = true)]
async fn a_success_that_passes_two_layers_of_one_budget_is_paid_in_once() {
    let layer = RetryBudgetLayer::builder().initial(0.0).build().unwrap();
    let nested = ServiceBuilder::new().layer(&layer).layer(&layer);
    for _ in 0..10 {
        let service = nested.clone().service_fn(common::provider);
        service.oneshot(request(200)).await.unwrap();
    }
    assert_eq!(layer.handle().balance(), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_passes_two_layers_of_one_budget_is_paid_once() {
    let layer = RetryBudgetLayer::builder()
        .reserve_per_second(0.0)
        .build()
        .unwrap();
    let nested = ServiceBuilder::new().layer(&layer).layer(&layer);
    let mut answer = nested
        .clone()
        .service_fn(common::provider)
        .oneshot(request(503))
        .await;
    ask(&mut answer).unwrap().spend();
    assert_eq!(layer.handle().balance(), Some(9.0));

    let unpaid = repeat(200, Attempt::new(2, false));
    nested
        .clone()
        .service_fn(common::provider)
        .oneshot(unpaid)
        .await
        .unwrap();
    // Charged by both on the way down, and given back by the outer one. Then the success pays in.
    assert_eq!(layer.handle().balance(), Some(8.1));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_the_server_asked_for_can_be_free() {
    let second = Some(Duration::from_secs(1));
    for (free, class, wait, has_price) in [
        (true, Class::RateLimited, second, false),
        (true, Class::RateLimited, Some(Duration::ZERO), true),
        (true, Class::RateLimited, None, true),
        (true, Class::Overloaded, second, true),
        (false, Class::RateLimited, second, true),
    ] {
        let layer = RetryBudgetLayer::builder().free_when_asked(free);
        let service = ServiceBuilder::new()
            .layer(layer.build().unwrap())
            .service_fn(move |_: Request<Body>| async move {
                let mut outcome = Outcome::new(class);
                outcome.wait = wait;
                let mut response = Response::new(Body::default());
                response.extensions_mut().insert(outcome);
                Ok::<_, BoxError>(response)
            });
        let mut answer = service.oneshot(request(429)).await;
        assert_eq!(
            gate(&mut answer).is_some(),
            has_price,
            "{free} {class} {wait:?}"
        );
    }
}
