//! Own rules, own classifiers, and settings that cannot be.

mod common;

use std::time::Duration;

use common::{JSON, QUOTA, Step, answer, call, outcome, scripted};
use http::StatusCode;
use tower_steady_classify::{Classifier, ClassifyLayer, Facts, UserRule};
use tower_steady_core::{Class, Outcome};

#[tokio::test(start_paused = true)]
async fn own_rules_come_first_and_built_in_ones_can_be_switched_off() {
    let layer = ClassifyLayer::builder()
        .rule(
            UserRule::new("teapot", Class::Overloaded, |facts: &Facts<'_>| {
                facts.status() == StatusCode::IM_A_TEAPOT && facts.has_id("KETTLE-EMPTY")
            })
            .transient(false),
        )
        .without_rule("quota-code")
        .build()
        .unwrap();
    let (body, _) = scripted([Step::data(r#"{"error":{"code":"kettle_empty"}}"#)]);
    let response = call(&layer, answer(418, JSON, body)).await.unwrap();
    let note = outcome(&response);
    assert_eq!(
        (note.class, note.transient, note.rule),
        (Class::Overloaded, false, Some("teapot"))
    );

    let (body, _) = scripted([Step::data(QUOTA)]);
    let response = call(&layer, answer(429, JSON, body)).await.unwrap();
    assert_eq!(outcome(&response).class, Class::RateLimited);
}

#[derive(Debug)]
struct Pessimist;

impl Classifier for Pessimist {
    fn response(&self, _: &Facts<'_>) -> Outcome {
        Outcome::new(Class::Unknown)
    }
}

#[tokio::test(start_paused = true)]
async fn the_whole_classifier_can_be_swapped() {
    let layer = ClassifyLayer::builder()
        .classifier(Pessimist)
        .build()
        .unwrap();
    let (body, _) = scripted([]);
    let response = call(&layer, answer(503, JSON, body)).await.unwrap();
    assert_eq!(outcome(&response).class, Class::Unknown);
}

#[test]
fn bad_configuration_is_refused_by_name() {
    let builder = ClassifyLayer::builder;
    for (field, layer) in [
        (
            "without_rule",
            builder().without_rule("no-such-rule").build(),
        ),
        ("look_limit", builder().look_limit(0).build()),
        ("look_limit", builder().look_limit(usize::MAX).build()),
        ("time_limit", builder().time_limit(Duration::ZERO).build()),
        ("time_limit", builder().time_limit(Duration::MAX).build()),
        ("max_hold", builder().max_hold(Duration::ZERO).build()),
    ] {
        assert_eq!(layer.unwrap_err().field(), field);
    }
}
