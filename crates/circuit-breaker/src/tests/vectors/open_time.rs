//! For how long a circuit is open.

use std::time::Duration;

use super::super::{admit, breaker, end, ms, open, rules};
use super::call;
use crate::breaker::End;
use crate::rules::{OpenTime, Rules};

/// resilience4j, the same: 5 s, times 1.5 with each opening. (The open time of tower-resilience, gobreaker
/// and Hystrix never grows.)
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

/// At the cap too, where linkerd's back-off has no jitter left.
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
