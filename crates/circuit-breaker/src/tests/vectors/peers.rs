//! What other circuit breakers get wrong, where it is the core that gets it right.

use std::time::Duration;

use super::super::{admit, breaker, end, ms, open, rules};
use super::{call, window, windowed};
use crate::breaker::End;
use crate::rules::Rules;
use crate::state::State;

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

/// tower-resilience 0.14 needs a full window of calls, whatever the minimum (mcp-proxy#220), as
/// resilience4j did (#1731).
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

/// resilience4j, Polly, failsafe-go, linkerd, Hystrix, Finagle and tower-resilience take the verdict of a
/// call that was sent before the trip for that of a probe.
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

/// resilience4j and failsafe-go mint a slot when a call of an earlier state ends or gives its permit back.
#[test]
fn a_stale_end_mints_no_slot() {
    let breaker = breaker(rules());
    let ends = [End::Success, End::Failure, End::Ignored, End::Cancelled];
    let stragglers = ends.map(|ended| (ended, admit(&breaker, ms(0))));
    open(&breaker, ms(0));
    let _probe = admit(&breaker, ms(1000));
    for (ended, straggler) in stragglers {
        end(&breaker, &straggler, ended, ms(1001));
        assert!(breaker.admit(ms(1001)).0.is_err(), "{ended:?}");
    }
}

/// The trap that linkerd's `success_rate.rs` warns of: whoever counts the buckets of an idle time in 32
/// bits lags behind the clock from then on. (Its own window shows the calls before the idle time until
/// the next one is recorded.)
#[test]
fn an_idle_time_empties_the_window_and_leaves_it_in_time() {
    let buckets = 1_u64 << 32;
    let idle = [
        10,
        11,
        99,
        100,
        buckets - 1,
        buckets,
        buckets + 1,
        buckets * 3 + 5,
    ];
    for idle in idle {
        let breaker = breaker(windowed(Duration::from_millis(1)));
        for ended in [End::Success, End::Success, End::Failure] {
            call(&breaker, 0, ended, false);
        }
        assert_eq!(window(&breaker, idle), (0, 0), "after {idle}");
        call(&breaker, idle, End::Success, false);
        call(&breaker, idle + 3, End::Failure, false);
        assert_eq!(window(&breaker, idle + 9), (2, 1), "after {idle}");
        assert_eq!(window(&breaker, idle + 10), (1, 1), "after {idle}");
        assert_eq!(window(&breaker, idle + 13), (0, 0), "after {idle}");
    }
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

/// Polly v8 closes the circuit on a cancelled probe, and Hystrix opens it; before that, and in linkerd
/// when the probe is dropped before its head, it waits for it for ever (Polly#1979).
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
