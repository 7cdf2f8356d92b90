//! The budget under tower's trait, and tower's budgets in its place.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{ask, call, request, send};
use tower::retry::budget::{Budget, TpsBudget};
use tower_steady_core::VetoReason;
use tower_steady_retry_budget::{BudgetHandle, RetryBudgetLayer};

static_assertions::assert_impl_all!(BudgetHandle: Budget);

#[test]
fn the_bucket_serves_a_policy_of_towers() {
    let builder = RetryBudgetLayer::builder()
        .deposit(0.5)
        .initial(0.0)
        .reserve_per_second(0.0);
    let layer = builder.build().unwrap();
    let budget: Arc<dyn Budget + Send + Sync> = Arc::new(layer.handle());
    assert!(!budget.withdraw());
    budget.deposit();
    budget.deposit();
    assert!(budget.withdraw());
    assert!(!budget.withdraw());
    // What the policy does shows in the layer's own handle.
    assert_eq!(layer.handle().snapshot().granted, 1);
    assert_eq!(layer.handle().denied(), 2);
}

#[tokio::test(start_paused = true)]
async fn any_budget_may_take_its_place() {
    // tower's clock is its own, so nothing here depends on time.
    let tps = Arc::new(TpsBudget::new(Duration::from_secs(10), 0, 1.0));
    let layer = RetryBudgetLayer::from_budget(tps);
    let (sent, answer) = call(&layer, &[503; 3]).await;
    assert_eq!(sent, 1);
    let veto = tower_steady_core::Outcome::read(&answer).veto.unwrap();
    assert_eq!(
        (veto.reason(), veto.details()),
        (VetoReason::Budget, Some("refused by the budget"))
    );
    let _ = call(&layer, &[200]).await;
    assert_eq!(call(&layer, &[503; 3]).await.0, 2);
    let snapshot = layer.handle().snapshot();
    assert_eq!(snapshot.balance, None);
    assert_eq!((snapshot.granted, snapshot.denied), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_foreign_budget_cannot_refund() {
    let tps = Arc::new(TpsBudget::new(Duration::from_secs(10), 0, 1.0));
    tps.deposit();
    let layer = RetryBudgetLayer::from_budget(tps);
    let mut answer = send(&layer, request(503)).await;
    drop(ask(&mut answer).unwrap());
    assert!(ask(&mut send(&layer, request(503)).await).is_err());
}

/// A budget of ours in the place of a foreign one keeps its own rules.
#[tokio::test(start_paused = true)]
async fn a_handle_is_a_budget_like_any_other() {
    let shared = RetryBudgetLayer::builder().capacity(1.0).build().unwrap();
    let layer = RetryBudgetLayer::from_budget(Arc::new(shared.handle()));
    assert_eq!(call(&layer, &[503; 3]).await.0, 2);
    assert_eq!(shared.handle().balance(), Some(0.0));
}
