//! Histories whose outcome is known from other circuit breakers: what they get right as tables, what
//! they get wrong as regressions.

use std::time::Duration;

use super::{admit, breaker, end, ms, open, rules};
use crate::breaker::{Breaker, End};
use crate::rules::{OpenTime, Rules};
use crate::state::{State, TripReason, WindowCounts};

/// A window of ten buckets of this width and no rule that it could trip.
fn windowed(bucket: Duration) -> Rules {
    Rules {
        consecutive_failures: None,
        failure_rate: Some(1.0),
        minimum_calls: 1_000_000,
        bucket: Some(bucket.as_nanos() as u64),
        ..rules()
    }
}

fn call(breaker: &Breaker, at: u64, ended: End, slow: bool) {
    let ticket = admit(breaker, ms(at));
    breaker.end(&ticket, ended, slow, None, ms(at), 0, || 0.0);
}

fn window(breaker: &Breaker, at: u64) -> (u64, u64) {
    let WindowCounts {
        calls, failures, ..
    } = breaker.window(ms(at)).unwrap();
    (calls, failures)
}

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

/// linkerd, `consecutive_failures.rs`: two failures, back-off from 1 s to 100 s.
#[test]
fn probes_and_growth_as_in_linkerd() {
    let breaker = breaker(rules());
    let straggler = admit(&breaker, ms(0));
    open(&breaker, ms(0));
    assert!(breaker.admit(ms(999)).0.is_err());
    let probe = admit(&breaker, ms(1000));
    assert!(breaker.admit(ms(1000)).0.is_err(), "limited to one");
    let shut = end(&breaker, &probe, End::Failure, ms(1000)).unwrap();
    assert_eq!(shut.open_for, Some(Duration::from_secs(2)));
    // A straggler is ignored while shut.
    assert_eq!(end(&breaker, &straggler, End::Success, ms(1500)), None);
    assert_eq!(breaker.state(), State::Open);
    let probe = admit(&breaker, ms(3000));
    assert_eq!(
        end(&breaker, &probe, End::Success, ms(3000)).unwrap().to,
        State::Closed
    );
    // A slow probe, which ends after more than the back-off, is a verdict all the same.
    open(&breaker, ms(4000));
    let probe = admit(&breaker, ms(5000));
    assert_eq!(
        end(&breaker, &probe, End::Failure, ms(10_000)).unwrap().to,
        State::Open
    );
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

/// resilience4j, `CircuitBreakerStateMachineTest`: four probes, of which half may fail; an ignored one
/// gives its slot back. (It waits for the fourth verdict though three decide.)
#[test]
fn half_open_as_in_resilience4j() {
    let breaker = breaker(Rules {
        probes: 4,
        success_threshold: 3,
        ..rules()
    });
    open(&breaker, ms(0));
    let probes = [(); 4].map(|()| admit(&breaker, ms(1000)));
    assert!(breaker.admit(ms(1000)).0.is_err());
    assert!(breaker.admit(ms(1000)).0.is_err());
    assert_eq!(end(&breaker, &probes[0], End::Success, ms(1000)), None);
    assert_eq!(end(&breaker, &probes[1], End::Success, ms(1000)), None);
    assert_eq!(end(&breaker, &probes[2], End::Ignored, ms(1000)), None);
    assert_eq!(breaker.state(), State::HalfOpen);
    let again = admit(&breaker, ms(1000));
    assert_eq!(end(&breaker, &probes[3], End::Failure, ms(1000)), None);
    assert_eq!(
        end(&breaker, &again, End::Success, ms(1000)).unwrap().to,
        State::Closed
    );
}

/// resilience4j, the same: 5 s, times 1.5 with each opening.
#[test]
fn open_time_grows_as_in_resilience4j() {
    let breaker = breaker(Rules {
        open_time: OpenTime {
            base: Duration::from_secs(5),
            growth: 1.5,
            ..rules().open_time
        },
        ..rules()
    });
    open(&breaker, ms(0));
    assert!(breaker.admit(ms(3_000)).0.is_err());
    let probe = admit(&breaker, ms(6_000));
    end(&breaker, &probe, End::Failure, ms(6_000));
    assert!(breaker.admit(ms(12_000)).0.is_err(), "needs 7.5 s");
    assert!(breaker.admit(ms(17_000)).0.is_ok());
}

/// gobreaker, `TestGeneration`: a call that began before the circuit moved on leaves no trace.
#[test]
fn an_earlier_generation_leaves_no_trace_as_in_gobreaker() {
    let breaker = breaker(windowed(Duration::from_secs(1)));
    let late = admit(&breaker, ms(0));
    breaker.force(State::Closed, ms(1));
    for ended in [End::Success, End::Failure, End::Ignored, End::Cancelled] {
        end(&breaker, &late, ended, ms(2));
    }
    assert_eq!(window(&breaker, 2), (0, 0));
    let counts = breaker.counts();
    assert_eq!((counts.stale, counts.successes, counts.failures), (4, 0, 0));
}

/// tower-resilience 0.14 and tower-circuitbreaker 0.2: their "sliding" count never slides, so that
/// after 1000 successes it takes 1000 failures to open.
#[test]
fn a_long_good_past_does_not_delay_a_trip() {
    let breaker = breaker(Rules {
        failure_rate: Some(0.5),
        minimum_calls: 10,
        ..windowed(Duration::from_secs(1))
    });
    for number in 0..10_000 {
        call(&breaker, number, End::Success, false);
    }
    let after = 10_000 + 10_000;
    for number in 0..10 {
        assert_eq!(breaker.state(), State::Closed, "after {number} failures");
        call(&breaker, after, End::Failure, false);
    }
    assert_eq!(breaker.state(), State::Open);
}

/// tower-resilience 0.14: needs a full window of calls, whatever the minimum (mcp-proxy#220).
#[test]
fn the_minimum_of_calls_is_enough() {
    let breaker = breaker(Rules {
        failure_rate: Some(1.0),
        minimum_calls: 3,
        ..windowed(Duration::from_secs(1))
    });
    for _ in 0..3 {
        call(&breaker, 0, End::Failure, false);
    }
    assert_eq!(breaker.state(), State::Open);
}

/// tower-resilience 0.14 forgets the verdicts of probes once they are older than its window, and stays
/// half-open for ever when probes take longer than that.
#[test]
fn probes_further_apart_than_the_window_still_close() {
    let breaker = breaker(Rules {
        consecutive_failures: Some(2),
        probes: 3,
        success_threshold: 3,
        ..windowed(Duration::from_millis(100))
    });
    open(&breaker, ms(0));
    for number in 1..=3 {
        call(&breaker, number * 30_000, End::Success, false);
    }
    assert_eq!(breaker.state(), State::Closed);
}

/// resilience4j, Polly, failsafe-go, linkerd and tower-resilience take the verdict of a call that was
/// sent before the trip for that of a probe.
#[test]
fn a_straggler_decides_nothing_while_half_open() {
    for ended in [End::Success, End::Failure] {
        let breaker = breaker(rules());
        let straggler = admit(&breaker, ms(0));
        open(&breaker, ms(0));
        let probe = admit(&breaker, ms(1000));
        assert_eq!(end(&breaker, &straggler, ended, ms(1001)), None);
        assert_eq!(breaker.state(), State::HalfOpen);
        assert_eq!(
            end(&breaker, &probe, End::Success, ms(1002)).unwrap().to,
            State::Closed
        );
    }
}

/// resilience4j and failsafe-go mint a slot when a call of an earlier state gives its permit back.
#[test]
fn a_stale_cancel_mints_no_slot() {
    let breaker = breaker(rules());
    let stragglers = [(); 3].map(|()| admit(&breaker, ms(0)));
    open(&breaker, ms(0));
    let _probe = admit(&breaker, ms(1000));
    for straggler in stragglers {
        end(&breaker, &straggler, End::Cancelled, ms(1001));
    }
    assert!(breaker.admit(ms(1001)).0.is_err());
}

/// failsafe-go returns a slot with each verdict, so that it bounds probes at a time but not in all
/// (failsafe#391).
#[test]
fn no_more_than_k_verdicts_are_asked_for() {
    let breaker = breaker(Rules {
        probes: 3,
        success_threshold: 2,
        ..rules()
    });
    open(&breaker, ms(0));
    let probes = [(); 3].map(|()| admit(&breaker, ms(1000)));
    end(&breaker, &probes[0], End::Success, ms(1000));
    end(&breaker, &probes[1], End::Failure, ms(1000));
    assert!(
        breaker.admit(ms(1000)).0.is_err(),
        "one in flight and two verdicts are three"
    );
}

/// Polly v8 closes the circuit on a cancelled probe; before that, and in linkerd when the probe is
/// dropped before its head, it waits for it for ever (Polly#1979).
#[test]
fn a_cancelled_probe_decides_nothing_and_wedges_nothing() {
    let breaker = breaker(rules());
    open(&breaker, ms(0));
    for _ in 0..100 {
        let probe = admit(&breaker, ms(1000));
        assert_eq!(end(&breaker, &probe, End::Cancelled, ms(1000)), None);
        assert_eq!(breaker.state(), State::HalfOpen);
    }
    let probe = admit(&breaker, ms(1000));
    end(&breaker, &probe, End::Success, ms(1000));
    assert_eq!(breaker.state(), State::Closed);
}

/// resilience4j#544, #903, #935: a probe that never ends leaves the circuit half-open for ever.
#[test]
fn a_hung_probe_loses_its_slot_when_its_lease_ends() {
    let breaker = breaker(rules());
    open(&breaker, ms(0));
    let hung = admit(&breaker, ms(1_000));
    assert!(breaker.admit(ms(60_999)).0.is_err());
    let next = admit(&breaker, ms(61_000));
    assert!(breaker.admit(ms(61_000)).0.is_err(), "one lease, one probe");
    // Too late: the slot is another's.
    assert_eq!(end(&breaker, &hung, End::Success, ms(61_001)), None);
    assert_eq!(breaker.counts().stale, 1);
    end(&breaker, &next, End::Success, ms(61_002));
    assert_eq!(breaker.state(), State::Closed);
}

/// A probe that shows that it is alive keeps its slot, however long it takes.
#[test]
fn progress_renews_a_lease() {
    let breaker = breaker(rules());
    open(&breaker, ms(0));
    let long = admit(&breaker, ms(1_000));
    for minute in 1..=10 {
        breaker.renew(&long, ms(minute * 50_000));
        assert!(breaker.admit(ms(minute * 50_000 + 40_000)).0.is_err());
    }
    assert_eq!(
        end(&breaker, &long, End::Success, ms(540_000)).unwrap().to,
        State::Closed
    );
}

/// The wait of the failure that opens the circuit is a floor, and it is believed up to a limit.
#[test]
fn open_time_is_at_least_the_servers_wait() {
    let cases = [
        (None, 1),
        (Some(0), 1),
        (Some(30), 30),
        (Some(86_400), 3_600),
    ];
    for (wait, expected) in cases {
        let breaker = breaker(rules());
        call(&breaker, 0, End::Failure, false);
        let last = admit(&breaker, ms(0));
        let wait = wait.map(Duration::from_secs);
        let change = breaker.end(&last, End::Failure, false, wait, ms(0), 0, || 0.0);
        assert_eq!(
            change.unwrap().open_for,
            Some(Duration::from_secs(expected))
        );
    }
}

#[test]
fn open_time_grows_to_its_cap_and_jitter_only_adds() {
    let time = OpenTime {
        jitter: 0.5,
        ..rules().open_time
    };
    let seconds = |trips, unit| time.length(trips, unit, None).as_secs_f64();
    for (trips, expected) in [(1, 1.0), (2, 2.0), (7, 64.0), (8, 100.0), (u32::MAX, 100.0)] {
        assert_eq!(seconds(trips, 0.0), expected);
        assert_eq!(seconds(trips, 0.5), expected * 1.25);
    }
    let flat = OpenTime {
        growth: 1.0,
        ..time
    };
    assert_eq!(flat.length(u32::MAX, 0.0, None), Duration::from_secs(1));
}

/// The trips in a row start again only after the circuit has stayed closed for a while: one lucky
/// probe in an outage is no recovery.
#[test]
fn trips_count_on_until_the_circuit_is_healthy() {
    for (closed_for, expected) in [(999, 2), (1_000, 1)] {
        let breaker = breaker(Rules {
            open_time: OpenTime {
                healthy_after: Duration::from_secs(1),
                ..rules().open_time
            },
            ..rules()
        });
        let first = 10_000;
        open(&breaker, ms(first));
        call(&breaker, first + 1_000, End::Success, false);
        let again = first + 1_000 + closed_for;
        open(&breaker, ms(again));
        let left = breaker.status(ms(again)).left;
        assert_eq!(
            left,
            Some(Duration::from_secs(expected)),
            "closed for {closed_for} ms"
        );
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
