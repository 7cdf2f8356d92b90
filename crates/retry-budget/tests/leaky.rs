//! The published test vectors of the leaky budgets, Finagle's and tower's, and what they get wrong.

use std::time::Duration;

use tower_steady_retry_budget::{BudgetHandle, RetryBudgetBuilder, RetryBudgetLayer};

/// twitter/util and finagle, `RetryBudgetTest`: deposits and withdrawals in turn on a frozen clock.
#[tokio::test(start_paused = true)]
async fn finagle_33_the_percentage_is_what_it_says() {
    for percent in [
        0.1, 0.5, 0.25, 0.75, 0.99, 0.999, 0.9999, 0.01, 0.001, 0.0001,
    ] {
        let handle = RetryBudgetBuilder::finagle()
            .deposit(percent)
            .build()
            .unwrap()
            .handle();
        let mut retried = 0;
        for _ in 0..10_000 {
            handle.deposit();
            retried += u32::from(handle.withdraw());
        }
        // Finagle allows one more or less; exact arithmetic needs no allowance.
        let funded = (10_000.0 * percent).round() + 100.0;
        assert_eq!(f64::from(retried), funded.min(10_000.0), "{percent}");
    }
}

#[tokio::test(start_paused = true)]
async fn finagle_34_a_success_may_bring_more_than_a_retry_costs() {
    let builder = RetryBudgetBuilder::finagle()
        .deposit(2.0)
        .reserve_per_second(0.0);
    let handle = builder.build().unwrap().handle();
    for _ in 0..10_000 {
        handle.deposit();
    }
    assert_eq!(handle.balance(), Some(20_000.0));
}

#[tokio::test(start_paused = true)]
async fn finagle_35_limits_of_the_configuration() {
    let finagle = RetryBudgetBuilder::finagle;
    for (field, builder) in [
        ("ttl", finagle().ttl(Duration::ZERO)),
        ("ttl", finagle().ttl(Duration::from_secs(61))),
        ("reserve_per_second", finagle().reserve_per_second(-1.0)),
        ("deposit", finagle().deposit(-1.0)),
    ] {
        assert_eq!(builder.build().unwrap_err().field(), field);
    }
    let empty = finagle()
        .deposit(0.0)
        .reserve_per_second(0.0)
        .build()
        .unwrap()
        .handle();
    for _ in 0..1_000 {
        empty.deposit();
        assert!(!empty.withdraw());
    }
}

/// tower's `TpsBudget::new(ttl, min_per_sec, retry_percent)`, its tests and what it gets wrong.
mod tower_tps_budget {
    use super::*;

    fn budget(ttl: u64, reserve: f64, percent: f64) -> BudgetHandle {
        let builder = RetryBudgetBuilder::finagle().ttl(Duration::from_secs(ttl));
        let builder = builder.reserve_per_second(reserve).deposit(percent);
        builder.build().unwrap().handle()
    }

    async fn advance(millis: u64) {
        tokio::time::advance(Duration::from_millis(millis)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn v36_empty_and_expired() {
        let handle = budget(1, 0.0, 1.0);
        assert!(!handle.withdraw());
        handle.deposit();
        advance(3_000).await;
        assert!(!handle.withdraw());
    }

    #[tokio::test(start_paused = true)]
    async fn v37_two_deposits_of_a_half_are_still_there_after_nine_tenths_of_the_ttl() {
        let handle = budget(1, 0.0, 0.5);
        handle.deposit();
        handle.deposit();
        advance(901).await;
        assert!(handle.withdraw());
    }

    #[tokio::test(start_paused = true)]
    async fn v38_the_reserve_alone() {
        let handle = budget(1, 5.0, 1.0);
        let granted: Vec<bool> = (0..6).map(|_| handle.withdraw()).collect();
        assert_eq!(granted, [true, true, true, true, true, false]);
    }

    /// tower#857: 1 / 0.6 is truncated to 1 there, and ten deposits buy ten retries.
    #[tokio::test(start_paused = true)]
    async fn v39_a_ratio_that_does_not_divide_one_is_kept_exactly() {
        for (percent, retries) in [
            (0.15, 150),
            (0.3, 300),
            (0.4, 400),
            (0.6, 600),
            (0.7, 700),
            (0.9, 900),
        ] {
            let leaky = budget(1, 0.0, percent);
            let builder = RetryBudgetLayer::builder().deposit(percent).initial(0.0);
            let bucket = builder
                .capacity(1e6)
                .reserve_per_second(0.0)
                .build()
                .unwrap()
                .handle();
            for handle in [leaky, bucket] {
                (0..1_000).for_each(|_| handle.deposit());
                let granted = (0..1_000).filter(|_| handle.withdraw()).count();
                assert_eq!(granted, retries, "{percent}");
            }
        }
    }

    /// tower's slots move with the calls, so that a deposit of nominally 10 s lives 6 s if it is
    /// touched every 1001 ms and 12 s if it is every 1999 ms.
    #[tokio::test(start_paused = true)]
    async fn the_time_to_live_does_not_depend_on_how_often_the_budget_is_touched() {
        for step in [1, 100, 999, 1_001, 1_500, 1_999] {
            let handle = budget(10, 0.0, 1.0);
            handle.deposit();
            let mut alive = 0;
            while handle.balance() == Some(1.0) {
                advance(step).await;
                alive += step;
            }
            assert!((9_000..10_000 + step).contains(&alive), "{step}: {alive}");
        }
    }

    /// tower catches up slot by slot under its lock: 1.8 s after a year of silence.
    #[tokio::test(start_paused = true)]
    async fn a_year_of_silence_takes_as_many_steps_as_one_ttl() {
        let handle = budget(1, 1.0, 1.0);
        handle.deposit();
        advance(365 * 24 * 3_600_000).await;
        assert!(handle.withdraw());
        assert!(!handle.withdraw());
    }
}
