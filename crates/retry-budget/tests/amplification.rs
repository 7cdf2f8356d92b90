//! The bounds that the front page derives, held by the layer on the paused clock.

mod common;

use std::time::Duration;

use common::call;
use proptest::prelude::*;
use tower_steady_retry_budget::{RetryBudgetBuilder, RetryBudgetLayer};

/// Sends per first try over `seconds` of outage at `per_second` calls, three tries allowed; every
/// `nth` call succeeds (0: none does).
async fn amplification(layer: &RetryBudgetLayer, per_second: u32, seconds: u32, nth: u32) -> f64 {
    let firsts = per_second * seconds;
    let mut sends = 0;
    for index in 1..=firsts {
        let up = nth > 0 && index % nth == 0;
        sends += call(layer, if up { &[200] } else { &[503; 3] }).await.0;
        tokio::time::advance(Duration::from_secs(1) / per_second).await;
    }
    f64::from(u32::try_from(sends).unwrap()) / f64::from(firsts)
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_300_seconds_stays_below_1_10() {
    for per_second in [5, 50] {
        let seen = amplification(&RetryBudgetLayer::new(), per_second, 300, 0).await;
        assert!(seen <= 1.10, "{per_second} a second: {seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_30_seconds_stays_below_1_15() {
    for per_second in [5, 50] {
        let seen = amplification(&RetryBudgetLayer::new(), per_second, 30, 0).await;
        assert!(seen <= 1.15, "{per_second} a second: {seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_brownout_to_a_third_stays_below_1_15_too() {
    let seen = amplification(&RetryBudgetLayer::new(), 5, 30, 3).await;
    assert!(seen <= 1.15, "{seen}");
}

/// The whole bound: it is not missed by a single retry, and not far from what happens.
#[tokio::test(start_paused = true)]
async fn the_bound_is_tight() {
    let seen = amplification(&RetryBudgetLayer::new(), 5, 300, 0).await;
    let bound = 1.0 + 10.0 / (5.0 * 300.0) + 0.1 / 5.0;
    assert!(
        seen <= bound && seen > bound - 0.002,
        "{seen}, bound {bound}"
    );
}

/// What the presets come to, for the table on the front page: `(preset, 300 s, 30 s)` at 5 a second.
#[tokio::test(start_paused = true)]
async fn the_presets_amplify_as_their_formulas_say() {
    type Preset = fn() -> RetryBudgetLayer;
    let presets: [(Preset, f64, f64); 4] = [
        (RetryBudgetLayer::grpc, 1.00, 1.02),
        (RetryBudgetLayer::aws_2_0, 1.07, 1.67),
        (RetryBudgetLayer::aws_2_1, 1.02, 1.23),
        (RetryBudgetLayer::finagle, 3.00, 3.00),
    ];
    for (preset, long, short) in presets {
        for (seconds, expected) in [(300, long), (30, short)] {
            let seen = amplification(&preset(), 5, seconds, 0).await;
            assert!(
                (seen - expected).abs() < 0.006,
                "{seconds} s: {seen}, expected {expected}"
            );
        }
    }
}

#[derive(Clone, Debug)]
struct Load {
    deposit: f64,
    capacity: f64,
    reserve: f64,
    /// The length of the pause before each call in milliseconds, and whether it succeeds.
    calls: Vec<(u64, bool)>,
}

fn load() -> impl Strategy<Value = Load> {
    let tenths = |most: u32| (0..most).prop_map(|tenths| f64::from(tenths) / 10.0);
    let calls = proptest::collection::vec((0..500_u64, any::<bool>()), 1..200);
    (
        tenths(20),
        tenths(200).prop_map(|more| more + 1.0),
        tenths(20),
        calls,
    )
        .prop_map(|(deposit, capacity, reserve, calls)| Load {
            deposit,
            capacity,
            reserve,
            calls,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens: retries ≤ initial + deposits + reserve.
    #[test]
    fn no_more_retries_than_were_paid_for(load in load()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (retries, funds, snapshot) = runtime.block_on(async {
            let builder: RetryBudgetBuilder = RetryBudgetLayer::builder();
            let builder = builder.deposit(load.deposit).capacity(load.capacity);
            let layer = builder.reserve_per_second(load.reserve).build().unwrap();
            let (mut retries, mut successes, mut millis) = (0, 0, 0);
            for (pause, up) in load.calls {
                tokio::time::advance(Duration::from_millis(pause)).await;
                millis += pause;
                successes += u32::from(up);
                retries += call(&layer, if up { &[200] } else { &[503; 4] }).await.0 - 1;
            }
            let seconds = Duration::from_millis(millis).as_secs_f64();
            let funds = load.capacity
                + f64::from(successes) * load.deposit
                + seconds * load.reserve;
            (retries, funds, layer.handle().snapshot())
        });
        let retries = f64::from(u32::try_from(retries).unwrap());
        prop_assert!(retries <= funds + 1e-6);
        prop_assert_eq!(snapshot.spent.to_bits(), retries.to_bits());
        prop_assert!(snapshot.balance.unwrap() + snapshot.spent <= funds + 1e-6);
    }
}
