//! What an operator sees of the budgets of a stack.

mod common;

use common::{ask, call, repeat, request, send};
use tower_steady_core::Attempt;
use tower_steady_retry_budget::{
    BudgetSnapshot, Cost, RetryBudgetLayer, SpendLayer, SpendSnapshot, Unit, Workflow,
};

/// A budget that has granted four retries, refused one, and got back two.
async fn budget() -> BudgetSnapshot {
    let layer = RetryBudgetLayer::builder()
        .name("openai")
        .capacity(4.0)
        .initial(3.0)
        .deposit(0.25)
        .reserve_per_second(0.0)
        .build()
        .unwrap();
    // Two successes pay in, as do that of a retry and one from outside.
    for statuses in [&[200][..], &[200], &[503, 200], &[503, 503]] {
        let _ = call(&layer, statuses).await;
    }
    layer.handle().deposit();
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut answer = send(&layer, request(503)).await;
        held.push(ask(&mut answer).ok());
    }
    drop(held);
    layer.handle().snapshot()
}

#[tokio::test(start_paused = true)]
async fn a_budget_shows_what_came_in_and_went_out() {
    let seen = budget().await;
    assert_eq!((&*seen.name, seen.capacity), ("openai", Some(4.0)));
    assert_eq!((seen.granted, seen.returned, seen.denied), (4, 2, 1));
    assert_eq!((seen.spent, seen.deposited), (2.0, Some(1.0)));
    assert_eq!(seen.balance, Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn where_tokens_expire_there_is_no_capacity() {
    let layer = RetryBudgetLayer::finagle();
    let _ = send(&layer, repeat(200, Attempt::new(1, true))).await;
    let seen = layer.handle().snapshot();
    assert_eq!(seen.capacity, None);
    assert_eq!(seen.deposited, Some(0.2));
}

/// A ledger with two workflows at work, one of which has hit its limit.
async fn ledger() -> SpendSnapshot {
    let builder = SpendLayer::builder().name("anthropic").per_hour(u64::MAX);
    let builder = builder.unit(Unit::MicroDollars).per_workflow(100);
    let layer = builder.build().unwrap();
    for (id, cost) in [("run-1", 30), ("run-2", 80), ("run-2", 30)] {
        let mut request = request(503);
        request.extensions_mut().insert(Cost(cost));
        request.extensions_mut().insert(Workflow::new(id));
        let mut answer = send(&layer, request).await;
        if let Ok(grant) = ask(&mut answer) {
            grant.spend();
        }
    }
    layer.handle().snapshot()
}

#[tokio::test(start_paused = true)]
async fn a_ledger_shows_what_was_spent_of_which_limit() {
    let seen = ledger().await;
    assert_eq!((seen.spent, seen.within_hour), (110, 110));
    assert_eq!((seen.granted, seen.returned, seen.denied), (2, 0, 1));
    assert_eq!((seen.per_workflow, seen.per_hour), (Some(100), None));
    let workflows = seen.workflows.iter();
    let workflows: Vec<_> = workflows.map(|one| (&*one.id, one.spent)).collect();
    assert_eq!(workflows, [("run-2", 80), ("run-1", 30)]);
}

#[cfg(feature = "serde")]
#[tokio::test(start_paused = true)]
async fn both_are_plain_json() {
    assert_eq!(
        serde_json::to_value(budget().await).unwrap(),
        serde_json::json!({
            "name": "openai",
            "balance": 2.0,
            "capacity": 4.0,
            "deposited": 1.0,
            "granted": 4,
            "returned": 2,
            "denied": 1,
            "spent": 2.0,
        })
    );
    assert_eq!(
        serde_json::to_value(ledger().await).unwrap(),
        serde_json::json!({
            "name": "anthropic",
            "unit": "micro_dollars",
            "spent": 110,
            "granted": 2,
            "returned": 0,
            "denied": 1,
            "within_hour": 110,
            "per_hour": null,
            "per_request": 200_000,
            "per_workflow": 100,
            "workflows": [
                { "id": "run-2", "spent": 80 },
                { "id": "run-1", "spent": 30 },
            ],
        })
    );
}
