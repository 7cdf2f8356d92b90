//! What is in the window, and what it trips.

use std::time::Duration;

use super::super::{breaker, ms};
use super::{call, window, windowed};
use crate::breaker::End;
use crate::rules::Rules;
use crate::state::{TripReason, WindowCounts};

/// resilience4j, `SlidingTimeWindowMetricsTest`: 5 s.
#[test]
fn window_of_five_seconds_as_in_resilience4j() {
    use End::{Failure as E, Success as S};
    let breaker = breaker(windowed(Duration::from_millis(500)));
    let steps = [
        (0, E, (1, 1)),
        (100, S, (2, 1)),
        (200, S, (3, 1)),
        (1200, S, (4, 1)),
        (2200, S, (5, 1)),
        (3200, E, (6, 2)),
        (4200, S, (7, 2)),
        (5200, S, (5, 1)),
        (6200, S, (5, 1)),
        (11200, S, (1, 0)),
    ];
    for (at, ended, expected) in steps {
        call(&breaker, at, ended, false);
        assert_eq!(window(&breaker, at), expected, "at {at} ms");
    }
}

/// resilience4j, the same: the window empties while nothing is recorded.
#[test]
fn window_empties_by_itself_as_in_resilience4j() {
    let breaker = breaker(windowed(Duration::from_millis(500)));
    call(&breaker, 0, End::Failure, false);
    call(&breaker, 100, End::Success, false);
    call(&breaker, 800, End::Failure, true);
    assert_eq!(breaker.window(ms(4800)).unwrap().calls, 3);
    assert_eq!(breaker.window(ms(5800)), Some(WindowCounts::default()));
}

/// Polly, `RollingHealthMetricsTests`: 10 s in ten windows.
#[test]
fn rolling_window_as_in_polly() {
    let breaker = breaker(windowed(Duration::from_secs(1)));
    let expected = [(2, 1), (4, 2), (6, 2), (8, 2), (8, 1)];
    for (i, expected) in expected.into_iter().enumerate() {
        let at = i as u64 * 2_000;
        let first = if i < 2 { End::Failure } else { End::Success };
        call(&breaker, at, first, false);
        call(&breaker, at, End::Success, false);
        assert_eq!(window(&breaker, at + 2_000), expected, "read {i}");
    }
    assert_eq!(window(&breaker, 12_000), (6, 0));
}

/// Polly, the same: ten calls a second apart; the eleventh second has nine of them left.
#[test]
fn whole_buckets_leave_as_in_polly() {
    let breaker = breaker(windowed(Duration::from_secs(1)));
    for second in 0..10 {
        call(&breaker, second * 1_000, End::Success, false);
    }
    assert_eq!(window(&breaker, 10_000).0, 9);
    assert_eq!(window(&breaker, 11_000).0, 8);
    // Exactly one window after the last of them.
    assert_eq!(window(&breaker, 19_000).0, 0);
}

/// Polly's trip table: throughput, minimum, failures, threshold. Here the last call fails, for rules
/// are looked at with calls that fail.
#[test]
fn rate_and_minimum_as_in_polly() {
    let table = [
        (10, 10, 0, 0.1, None),
        (10, 10, 1, 0.1, Some(TripReason::FailureRate)),
        (11, 10, 1, 0.09, Some(TripReason::FailureRate)),
        (9, 10, 1, 0.1, None),
        // 7/100 reaches 0.07; 0.07 × 100 does not, in floating point.
        (100, 100, 7, 0.07, Some(TripReason::FailureRate)),
        (100, 100, 6, 0.07, None),
    ];
    for (calls, minimum_calls, failures, rate, expected) in table {
        let breaker = breaker(Rules {
            failure_rate: Some(rate),
            minimum_calls,
            ..windowed(Duration::from_secs(1))
        });
        for number in 0..calls {
            let failed = number >= calls - failures;
            call(
                &breaker,
                0,
                if failed { End::Failure } else { End::Success },
                false,
            );
        }
        assert_eq!(
            breaker.status(ms(0)).reason,
            expected,
            "{failures} of {calls}"
        );
    }
}

/// linkerd, `unified.rs`: either rule trips, and where both do, consecutive failures are the reason.
#[test]
fn both_rules_as_in_linkerd() {
    let both = |row| Rules {
        consecutive_failures: Some(row),
        failure_rate: Some(0.6),
        minimum_calls: 3,
        ..windowed(Duration::from_secs(1))
    };
    for (row, expected) in [
        (3, TripReason::FailureRate),
        (2, TripReason::ConsecutiveFailures),
    ] {
        let breaker = breaker(both(row));
        for ended in [End::Success, End::Failure, End::Failure] {
            call(&breaker, 0, ended, false);
        }
        assert_eq!(breaker.status(ms(0)).reason, Some(expected));
    }
}

/// No false trip in a million calls of which one in a hundred fails: ten calls a second, half of at
/// least ten within the window. P(Bin(10, 0.01) ≥ 5) is 2.4e-8 an evaluation.
#[test]
fn one_failure_in_a_hundred_never_trips() {
    let breaker = breaker(Rules {
        failure_rate: Some(0.5),
        minimum_calls: 10,
        ..windowed(Duration::from_secs(1))
    });
    let seeds = tower_steady_core::Seeds::fixed(7);
    for number in 0..1_000_000 {
        let failed = seeds.draw().is_multiple_of(100);
        call(
            &breaker,
            number * 100,
            if failed { End::Failure } else { End::Success },
            false,
        );
    }
    assert_eq!(breaker.status(ms(0)).generation, 0);
}

/// A clock that one thread read before another does not move the window back, nor lose it.
#[test]
fn an_older_clock_read_does_not_move_the_window_back() {
    let breaker = breaker(windowed(Duration::from_secs(1)));
    call(&breaker, 12_000, End::Success, false);
    call(&breaker, 12_000, End::Failure, false);
    // Within the window, and a whole window late.
    call(&breaker, 11_000, End::Failure, false);
    call(&breaker, 1_000, End::Failure, false);
    call(&breaker, 1_000, End::Success, false);
    assert_eq!(window(&breaker, 12_000).1, 2);
    assert!(window(&breaker, 12_000).0 <= 4);
    assert_eq!(breaker.counts().failures, 3);
}
