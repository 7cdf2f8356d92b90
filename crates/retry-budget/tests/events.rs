//! What is logged, and how seldom.

mod common;

use std::time::Duration;

use common::{ask, call, repeat, request, send};
use http::Request;
use tower_steady_core::Attempt;
use tower_steady_retry_budget::{Cost, RetryBudgetLayer, SpendLayer, Workflow};
use tower_steady_testkit::{Capture, EventTable};
use tracing::Level;

const OWN: &str = "tower_steady_retry_budget";

async fn refuse(layer: &RetryBudgetLayer, times: usize) {
    for _ in 0..times {
        assert_eq!(call(layer, &[503; 2]).await.0, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_makes_one_warning_and_its_end_one_message() {
    let builder = RetryBudgetLayer::builder().name("openai").capacity(1.0);
    let layer = builder
        .deposit(1.0)
        .reserve_per_second(0.0)
        .build()
        .unwrap();
    let capture = Capture::start();
    assert_eq!(call(&layer, &[503; 2]).await.0, 2);
    assert!(
        capture.from(OWN).is_empty(),
        "a retry that is granted is not news"
    );

    // Refusals that are less than ten seconds apart are one episode, however long it lasts.
    for _ in 0..100 {
        refuse(&layer, 3).await;
        tokio::time::advance(Duration::from_secs(9)).await;
    }
    let warnings = capture.at(Level::WARN);
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}");
    };
    assert_eq!(warning.message, "retry budget exhausted");
    for (field, value) in [
        ("name", "openai"),
        ("veto", "budget"),
        ("balance", "0"),
        ("cost", "1"),
    ] {
        let found = warning
            .field(field)
            .map(|found| found.trim_end_matches(".0"));
        assert_eq!(found, Some(value), "{field}");
    }

    // A grant soon after a refusal does not end it, one after a quiet while does.
    let _ = call(&layer, &[200]).await;
    assert_eq!(call(&layer, &[503; 2]).await.0, 2);
    assert!(capture.at(Level::INFO).is_empty());
    tokio::time::advance(Duration::from_secs(10)).await;
    let _ = call(&layer, &[200]).await;
    assert_eq!(call(&layer, &[503; 2]).await.0, 2);
    let recovered = capture.at(Level::INFO);
    assert_eq!(recovered.len(), 1);
    assert_eq!(recovered[0].message, "retry budget recovered");
    assert_eq!(recovered[0].field("denied"), Some("300"));

    refuse(&layer, 3).await;
    assert_eq!(capture.at(Level::WARN).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn repeats_of_a_layer_that_does_not_ask_are_noted_for_whoever_looks_for_it() {
    let layer = RetryBudgetLayer::builder().capacity(1.0).build().unwrap();
    let capture = Capture::start();
    send(&layer, repeat(200, Attempt::new(2, false)))
        .await
        .unwrap();
    send(&layer, repeat(200, Attempt::new(3, false)))
        .await
        .unwrap_err();
    let seen: Vec<_> = capture
        .at(Level::DEBUG)
        .into_iter()
        .map(|event| event.message)
        .collect();
    assert_eq!(seen, ["unpaid repeat charged", "unpaid repeat rejected"]);
}

async fn spend(layer: &SpendLayer, cost: u64, workflow: Option<&str>) -> bool {
    let mut request: Request<_> = request(503);
    request.extensions_mut().insert(Cost(cost));
    if let Some(id) = workflow {
        request.extensions_mut().insert(Workflow::new(id));
    }
    let asked = ask(&mut send(layer, request).await);
    asked.map(tower_steady_core::Grant::spend).is_ok()
}

#[tokio::test(start_paused = true)]
async fn each_spend_limit_that_is_hit_makes_one_warning_with_the_figures() {
    let builder = SpendLayer::builder()
        .name("openai")
        .per_workflow(100)
        .per_hour(250);
    let layer = builder.build().unwrap();
    let capture = Capture::start();
    for id in ["run-1", "run-2"] {
        assert!(spend(&layer, 100, Some(id)).await);
        for _ in 0..5 {
            assert!(!spend(&layer, 10, Some(id)).await);
        }
    }
    for _ in 0..5 {
        assert!(!spend(&layer, 100, None).await);
        tokio::time::advance(Duration::from_secs(30)).await;
    }
    let warnings = capture.at(Level::WARN);
    let expected = [
        ("per_workflow", "100", "100", "10", Some("run-1")),
        ("per_workflow", "100", "100", "10", Some("run-2")),
        ("per_hour", "200", "250", "100", None),
    ];
    assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
    for (warning, (reason, used, limit, cost, workflow)) in warnings.iter().zip(expected) {
        assert_eq!(warning.message, "spend limit hit");
        assert_eq!(warning.field("name"), Some("openai"));
        assert_eq!(warning.field("veto"), Some("spend"));
        assert_eq!(warning.field("reason"), Some(reason));
        assert_eq!(warning.field("used"), Some(used));
        assert_eq!(warning.field("limit"), Some(limit));
        assert_eq!(warning.field("cost"), Some(cost));
        assert_eq!(warning.field("unit"), Some("tokens"));
        assert_eq!(warning.field("workflow"), workflow);
    }
    // Hit again after an hour it is news again.
    tokio::time::advance(Duration::from_secs(2 * 3600)).await;
    assert!(spend(&layer, 200, None).await);
    assert!(!spend(&layer, 100, None).await);
    assert_eq!(capture.at(Level::WARN).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn neither_header_values_nor_queries_are_ever_printed() {
    let capture = Capture::start();
    let spending = SpendLayer::builder().per_request(1).build().unwrap();
    let ratio = RetryBudgetLayer::builder().capacity(0.0).build().unwrap();
    let mut secret = request(503);
    *secret.uri_mut() = "https://user:hunter2@host/v1?key=hunter2".parse().unwrap();
    secret
        .headers_mut()
        .insert("authorization", "Bearer hunter2".parse().unwrap());
    let info = tower_steady_retry_budget::RequestInfo::of(&secret);
    assert!(!format!("{info:?}").contains("hunter2"));
    for answer in [
        &mut send(&spending, secret.clone()).await,
        &mut send(&ratio, secret).await,
    ] {
        assert!(!format!("{:?}", ask(answer).unwrap_err()).contains("hunter2"));
    }
    assert_eq!(capture.at(Level::WARN).len(), 2);
    assert!(!capture.text().contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn the_front_page_lists_every_event_with_its_fields() {
    let capture = Capture::start();
    let layer = RetryBudgetLayer::builder().capacity(1.0).build().unwrap();
    for (number, paid) in [(2, true), (2, false), (3, false)] {
        let _ = send(&layer, repeat(200, Attempt::new(number, paid))).await;
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    for _ in 0..20 {
        layer.handle().deposit();
    }
    assert!(layer.handle().withdraw());
    let spending = SpendLayer::builder().per_workflow(1).build().unwrap();
    assert!(!spend(&spending, 100, Some("run-1")).await);

    let table = EventTable::parse(include_str!("../src/lib.rs"));
    assert_eq!(table.differences(&capture.from(OWN)), [""; 0]);
}
