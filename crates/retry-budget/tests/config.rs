//! Configurations that cannot work are refused at construction, with the field's name.

use std::time::Duration;

use tower_steady_core::Class;
use tower_steady_retry_budget::{RetryBudgetBuilder, RetryBudgetLayer};

#[test]
fn every_preset_builds() {
    for (layer, balance) in [
        (RetryBudgetLayer::new(), 10.0),
        (RetryBudgetLayer::default(), 10.0),
        (RetryBudgetLayer::grpc(), 10.0),
        (RetryBudgetLayer::aws_2_0(), 500.0),
        (RetryBudgetLayer::aws_2_1(), 500.0),
        (RetryBudgetLayer::finagle(), 100.0),
    ] {
        assert_eq!(layer.handle().balance(), Some(balance));
    }
}

#[test]
fn amounts_must_be_amounts() {
    type Set = fn(RetryBudgetBuilder, f64) -> RetryBudgetBuilder;
    let setters: [(&str, Set); 8] = [
        ("deposit", RetryBudgetBuilder::deposit),
        ("cost", RetryBudgetBuilder::cost),
        ("cost_of", |builder, cost| {
            builder.cost_of(Class::Timeout, cost)
        }),
        ("capacity", RetryBudgetBuilder::capacity),
        ("initial", RetryBudgetBuilder::initial),
        ("reserve_per_second", RetryBudgetBuilder::reserve_per_second),
        ("failure_cost", RetryBudgetBuilder::failure_cost),
        ("retry_above", RetryBudgetBuilder::retry_above),
    ];
    for (field, set) in setters {
        for amount in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.1,
            1.1e9,
            1e-7,
        ] {
            let refused = set(RetryBudgetLayer::builder(), amount)
                .build()
                .unwrap_err();
            assert_eq!(refused.field(), field, "{amount}");
        }
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let builder = RetryBudgetLayer::builder;
    for (field, builder) in [
        ("capacity", builder().capacity(0.9)),
        ("capacity", builder().cost(11.0)),
        ("initial", builder().capacity(5.0).initial(6.0)),
        ("retry_above", builder().retry_above(10.0)),
        ("reserve_per_second", builder().reserve_per_second(10_001.0)),
        ("ttl", builder().ttl(Duration::from_millis(999))),
        (
            "capacity",
            builder().ttl(Duration::from_secs(10)).capacity(5.0),
        ),
        (
            "initial",
            builder().ttl(Duration::from_secs(10)).initial(5.0),
        ),
        (
            "retry_above",
            builder().ttl(Duration::from_secs(10)).retry_above(5.0),
        ),
        (
            "failure_cost",
            builder().ttl(Duration::from_secs(10)).failure_cost(5.0),
        ),
    ] {
        assert_eq!(builder.build().unwrap_err().field(), field);
    }
}

#[test]
fn the_error_tells_the_limit_and_the_figure() {
    let refused = RetryBudgetLayer::builder()
        .capacity(0.5)
        .build()
        .unwrap_err();
    let text = "`capacity` must be 0 or at least the lowest cost of 1, got 0.5";
    assert_eq!(refused.to_string(), text);
    let refused = RetryBudgetLayer::builder()
        .deposit(f64::NAN)
        .build()
        .unwrap_err();
    let text = "`deposit` must be from 0 to 1000000000 tokens, got NaN";
    assert_eq!(refused.to_string(), text);
}

#[test]
fn what_is_free_is_not_given_back() {
    let aws = RetryBudgetBuilder::aws_2_1().free_when_asked(true);
    assert_eq!(aws.build().unwrap_err().field(), "free_when_asked");
}
