//! What the spend limits do in a stack, on the paused clock.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Body, ask, ask_at_gate, failure, gate, send};
use http::Request;
use http_body_util::Full;
use tower::ServiceBuilder;
use tower::ServiceExt;
use tower_steady_core::{Attempt, Class, Grant, Outcome, Veto, VetoReason};
use tower_steady_retry_budget::{
    BudgetExhausted, Cost, RetryBudgetLayer, SpendBuilder, SpendLayer, Unit, Workflow,
};

/// A request of so many bytes.
fn bytes(length: usize) -> Request<Body> {
    common::request(503).map(|_| Full::new(Bytes::from(vec![b'x'; length])))
}

fn costing(cost: u64) -> Request<Body> {
    with(bytes(0), Cost(cost))
}

fn with<T: Clone + Send + Sync + 'static>(mut request: Request<Body>, note: T) -> Request<Body> {
    request.extensions_mut().insert(note);
    request
}

fn unlimited() -> SpendBuilder {
    let builder = SpendLayer::builder().per_request(u64::MAX);
    builder.per_workflow(u64::MAX).per_hour(u64::MAX)
}

async fn retry(layer: &SpendLayer, request: Request<Body>) -> Result<Grant, Veto> {
    ask(&mut send(layer, request).await)
}

#[tokio::test(start_paused = true)]
async fn a_retry_costs_a_token_for_each_four_bytes_and_a_first_try_nothing() {
    let layer = unlimited().build().unwrap();
    let mut answer = send(&layer, bytes(4_001)).await;
    assert_eq!(layer.handle().snapshot().spent, 0);
    ask(&mut answer).unwrap().spend();
    assert_eq!(layer.handle().snapshot().spent, 1_001);
    assert_eq!(layer.handle().unit(), Unit::Tokens);
}

#[tokio::test(start_paused = true)]
async fn a_body_of_unknown_length_is_measured_by_its_header_or_else_not_free() {
    /// A body that does not say how long it is.
    fn unknown(
        length: Option<&str>,
    ) -> Request<http_body_util::combinators::UnsyncBoxBody<Bytes, std::io::Error>> {
        let frames =
            futures_util::stream::empty::<Result<http_body::Frame<Bytes>, std::io::Error>>();
        let body = http_body_util::StreamBody::new(frames);
        let mut request = Request::new(http_body_util::BodyExt::boxed_unsync(body));
        if let Some(length) = length {
            request
                .headers_mut()
                .insert("content-length", length.parse().unwrap());
        }
        request
    }
    for (length, cost) in [
        (Some("8000"), 2_000),
        (Some("many"), 16_384),
        (None, 16_384),
    ] {
        let layer = unlimited().build().unwrap();
        let service = ServiceBuilder::new().layer(&layer).service_fn(|_| async {
            let response = http::Response::builder().status(503).body(Body::default());
            response.map_err(tower::BoxError::from)
        });
        let mut answer = service.oneshot(unknown(length)).await;
        ask(&mut answer).unwrap().spend();
        assert_eq!(layer.handle().snapshot().spent, cost, "{length:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_cost_function_sees_the_request_and_an_extension_goes_before_it() {
    let builder = unlimited().unit(Unit::MicroDollars).cost(|request| {
        let premium = request.headers.contains_key("x-premium");
        request.body_bytes.unwrap_or(0) * if premium { 5 } else { 1 }
    });
    let layer = builder.build().unwrap();
    let mut premium = bytes(10);
    premium
        .headers_mut()
        .insert("x-premium", "1".parse().unwrap());
    retry(&layer, premium.clone()).await.unwrap().spend();
    assert_eq!(layer.handle().snapshot().spent, 50);
    retry(&layer, with(premium, Cost(7))).await.unwrap().spend();
    assert_eq!(layer.handle().snapshot().spent, 57);
    assert_eq!(layer.handle().unit(), Unit::MicroDollars);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_a_request_counts_its_earlier_retries() {
    let layer = unlimited().per_request(250).build().unwrap();
    for (number, granted) in [(1, true), (2, true), (3, false), (4, false)] {
        let request = with(costing(100), Attempt::new(number, true));
        assert_eq!(
            retry(&layer, request).await.is_ok(),
            granted,
            "after attempt {number}"
        );
    }
    // Another request begins anew.
    assert!(retry(&layer, costing(250)).await.is_ok());
    let veto = retry(&layer, costing(251)).await.unwrap_err();
    assert_eq!(veto.reason(), VetoReason::Spend);
    assert_eq!(
        veto.details(),
        Some("per_request: 0 of 250 tokens spent on retries, this one costs 251")
    );
}

#[tokio::test(start_paused = true)]
async fn a_workflow_has_a_limit_of_its_own() {
    let layer = unlimited().per_workflow(250).build().unwrap();
    let (one, other) = (Workflow::new("run-1"), Workflow::new("run-2"));
    for granted in [true, true, false] {
        let result = retry(&layer, with(costing(100), one.clone())).await;
        assert_eq!(result.is_ok(), granted);
        match result {
            Ok(grant) => grant.spend(),
            Err(veto) => assert_eq!(
                veto.details(),
                Some("per_workflow: 200 of 250 tokens spent on retries, this one costs 100")
            ),
        }
    }
    let handle = layer.handle();
    retry(&layer, with(costing(100), other.clone()))
        .await
        .unwrap()
        .spend();
    retry(&layer, costing(1_000_000)).await.unwrap().spend();
    assert_eq!((handle.spent_by(&one), handle.spent_by(&other)), (200, 100));
    assert_eq!(handle.snapshot().workflows.len(), 2);
    handle.forget(&one);
    assert_eq!(handle.spent_by(&one), 0);
    assert!(retry(&layer, with(costing(100), one)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_workflow_is_forgotten_once_it_has_been_idle_and_not_before() {
    let builder = unlimited()
        .per_workflow(100)
        .workflow_idle(Duration::from_secs(60));
    let layer = builder.build().unwrap();
    let request = || with(costing(100), Workflow::new("run"));
    retry(&layer, request()).await.unwrap().spend();
    for _ in 0..5 {
        // Asking in vain is being at work, too.
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(retry(&layer, request()).await.is_err());
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(layer.handle().spent_by(&Workflow::new("run")), 0);
    assert!(retry(&layer, request()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_map_of_workflows_is_bounded_and_lifts_no_limit_to_stay_so() {
    let builder = unlimited()
        .max_workflows(3)
        .workflow_idle(Duration::from_secs(60));
    let layer = builder.build().unwrap();
    let request = |id: usize| with(costing(1), Workflow::new(format!("run-{id}")));
    for id in 0..3 {
        retry(&layer, request(id)).await.unwrap().spend();
        tokio::time::advance(Duration::from_secs(10)).await;
    }
    let veto = retry(&layer, request(3)).await.unwrap_err();
    assert_eq!(veto.details(), Some("max_workflows: 3 of 3 at work"));
    assert_eq!(veto.time_left(), Some(Duration::from_secs(30)));
    assert_eq!(layer.handle().snapshot().workflows.len(), 3);
    // Those at work go on, and calls without a workflow are not concerned.
    assert!(retry(&layer, request(2)).await.is_ok());
    assert!(retry(&layer, costing(1)).await.is_ok());
    tokio::time::advance(Duration::from_secs(30)).await;
    assert!(retry(&layer, request(3)).await.is_ok());
    assert_eq!(layer.handle().snapshot().workflows.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_hour_rolls_and_says_when_there_will_be_room() {
    let layer = unlimited().per_hour(250).build().unwrap();
    for _ in 0..2 {
        retry(&layer, costing(100)).await.unwrap().spend();
        tokio::time::advance(Duration::from_secs(600)).await;
    }
    let veto = retry(&layer, costing(100)).await.unwrap_err();
    assert_eq!(
        veto.details(),
        Some("per_hour: 200 of 250 tokens spent on retries, this one costs 100")
    );
    // The first 100 were spent in minute 0, which is forgotten when minute 61 begins.
    let left = veto.time_left().unwrap();
    assert_eq!(left, Duration::from_secs(61 * 60 - 1_200));
    assert_eq!(layer.handle().snapshot().within_hour, 200);
    tokio::time::advance(left.saturating_sub(Duration::from_millis(1))).await;
    assert!(retry(&layer, costing(100)).await.is_err());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(retry(&layer, costing(100)).await.is_ok());
    // What alone is over the limit never fits.
    assert_eq!(
        retry(&layer, costing(251)).await.unwrap_err().time_left(),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_not_sent_is_given_back_everywhere() {
    let layer = unlimited().per_workflow(100).per_hour(100).build().unwrap();
    let run = Workflow::new("run");
    let mut answer = send(&layer, with(costing(100), run.clone())).await;
    let gate = gate(&mut answer).unwrap();
    let handle = layer.handle();
    for _ in 0..3 {
        let grant = ask_at_gate(gate.clone()).unwrap();
        assert_eq!(
            (handle.spent_by(&run), handle.snapshot().within_hour),
            (100, 100)
        );
        drop(grant);
        assert_eq!(
            (handle.spent_by(&run), handle.snapshot().within_hour),
            (0, 0)
        );
    }
    let snapshot = handle.snapshot();
    assert_eq!(
        (snapshot.granted, snapshot.returned, snapshot.spent),
        (3, 3, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refund_does_not_reach_into_the_next_life_of_a_workflow() {
    let builder = unlimited()
        .per_workflow(100)
        .workflow_idle(Duration::from_secs(60));
    let layer = builder.build().unwrap();
    let request = || with(costing(60), Workflow::new("run"));
    let asleep = retry(&layer, request()).await.unwrap();
    tokio::time::advance(Duration::from_secs(3_600)).await;
    retry(&layer, request()).await.unwrap().spend();
    drop(asleep);
    assert_eq!(layer.handle().spent_by(&Workflow::new("run")), 60);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_that_nobody_paid_for_is_charged_or_rejected_before_it_is_sent() {
    let layer = unlimited().per_request(150).build().unwrap();
    let unpaid = |number| with(costing(100), Attempt::new(number, false));
    assert_eq!(send(&layer, unpaid(2)).await.unwrap().status(), 503);
    assert_eq!(layer.handle().snapshot().spent, 100);
    let answer = send(&layer, unpaid(3)).await;
    let failure = failure(&answer);
    assert_eq!(failure.outcome().class, Class::Rejected);
    let veto = failure.outcome().veto.as_ref().unwrap();
    assert_eq!(veto.reason(), VetoReason::Spend);
    assert!(failure.find_source::<BudgetExhausted>().is_some());
}

#[tokio::test(start_paused = true)]
async fn both_budgets_grant_or_nothing_is_taken() {
    let ratio = RetryBudgetLayer::builder().capacity(1.0).build().unwrap();
    let spend = unlimited().per_hour(100).build().unwrap();
    let both = ServiceBuilder::new().layer(&ratio).layer(&spend);
    let answer = |cost| {
        both.clone()
            .service_fn(common::provider)
            .oneshot(costing(cost))
    };

    let veto = ask(&mut answer(101).await).unwrap_err();
    assert_eq!(veto.reason(), VetoReason::Spend);
    assert_eq!(ratio.handle().balance(), Some(1.0));

    ask(&mut answer(40).await).unwrap().spend();
    let veto = ask(&mut answer(40).await).unwrap_err();
    assert_eq!(veto.reason(), VetoReason::Budget);
    assert_eq!(spend.handle().snapshot().spent, 40);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_passes_two_layers_of_one_ledger_is_paid_once() {
    let layer = unlimited().build().unwrap();
    let nested = ServiceBuilder::new().layer(&layer).layer(&layer);
    let mut answer = nested
        .service_fn(common::provider)
        .oneshot(costing(100))
        .await;
    ask(&mut answer).unwrap().spend();
    assert_eq!(layer.handle().snapshot().spent, 100);
}

#[tokio::test(start_paused = true)]
async fn only_what_may_be_retried_gets_a_gate() {
    let layer = SpendLayer::new();
    for (status, gated) in [(200, false), (400, false), (429, true), (503, true)] {
        let mut answer = send(&layer, common::request(status)).await;
        let found = Outcome::note(&answer).is_some() && gate(&mut answer).is_some();
        assert_eq!(found, gated, "{status}");
    }
}

#[test]
fn limits_that_cannot_be_meant_are_refused() {
    for (field, builder) in [
        ("per_request", SpendLayer::builder().per_request(0)),
        ("per_workflow", SpendLayer::builder().per_workflow(0)),
        ("per_hour", SpendLayer::builder().per_hour(0)),
        ("max_workflows", SpendLayer::builder().max_workflows(0)),
        (
            "workflow_idle",
            SpendLayer::builder().workflow_idle(Duration::ZERO),
        ),
    ] {
        assert_eq!(builder.build().unwrap_err().field(), field);
    }
}
