//! Which of two changes comes first, and what becomes of the other.

use std::time::Duration;

use loom::model;
use loom::sync::Arc;

use super::super::{admit, breaker, end, ms, open, rules};
use super::spawn;
use crate::breaker::End;
use crate::state::State;

/// A failure and a success of the old generation come in while the circuit opens, goes half-open and
/// closes. Neither makes a transition, and neither is counted in the new generation's row.
#[test]
fn verdicts_of_an_earlier_generation_change_nothing() {
    model(|| {
        let breaker = Arc::new(breaker(rules()));
        let (late_failure, late_success) = (admit(&breaker, ms(0)), admit(&breaker, ms(0)));
        open(&breaker, ms(0));
        let failing = spawn(&breaker, move |breaker| {
            end(breaker, &late_failure, End::Failure, ms(1000))
        });
        let succeeding = spawn(&breaker, move |breaker| {
            breaker.succeed(&late_success, ms(1000), 1)
        });
        let probe = admit(&breaker, ms(1000));
        let closed = end(&breaker, &probe, End::Success, ms(1000)).unwrap();
        assert_eq!(closed.to, State::Closed);
        assert_eq!(failing.join().unwrap(), None);
        assert!(succeeding.join().unwrap());
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(breaker.status(ms(1000)).generation, 3);
        assert_eq!(breaker.counts().stale, 2);
        // A whole row is needed to open it again.
        let next = admit(&breaker, ms(1000));
        assert_eq!(end(&breaker, &next, End::Failure, ms(1000)), None);
    });
}

/// A stream's output begins while the failure comes in that completes a row: whichever is first, the
/// sign of life is no verdict, and the stream still ends in exactly one way.
#[test]
fn a_sign_of_life_races_the_failure_that_trips() {
    model(|| {
        let breaker = Arc::new(breaker(rules()));
        let first = admit(&breaker, ms(0));
        end(&breaker, &first, End::Failure, ms(0));
        let (failure, mut stream) = (admit(&breaker, ms(0)), admit(&breaker, ms(0)));
        let failing = spawn(&breaker, move |breaker| {
            end(breaker, &failure, End::Failure, ms(1))
        });
        breaker.begin(&mut stream, ms(1), 0);
        let opened = failing.join().unwrap().is_some();
        assert_eq!(breaker.state() == State::Open, opened);
        assert_eq!(breaker.counts().successes, 0);
        assert_eq!(end(&breaker, &stream, End::Success, ms(2)), None);
        let counts = breaker.counts();
        assert_eq!(counts.failures, 2);
        assert_eq!(
            (counts.successes, counts.stale),
            if opened { (0, 1) } else { (1, 0) }
        );
    });
}

/// A success ends the row of failures while the failure that completes it comes in: one of them is
/// first, and the circuit agrees with itself about which.
#[test]
fn a_success_races_the_failure_that_trips() {
    model(|| {
        let breaker = Arc::new(breaker(rules()));
        let first = admit(&breaker, ms(0));
        end(&breaker, &first, End::Failure, ms(0));
        let (failure, success) = (admit(&breaker, ms(0)), admit(&breaker, ms(0)));
        let failing = spawn(&breaker, move |breaker| {
            end(breaker, &failure, End::Failure, ms(1))
        });
        breaker.succeed(&success, ms(1), 0);
        let change = failing.join().unwrap();
        let counts = breaker.counts();
        assert_eq!(counts.failures, 2);
        assert_eq!(counts.successes + counts.stale, 1);
        match change {
            Some(change) => {
                assert_eq!(change.to, State::Open);
                assert_eq!(breaker.state(), State::Open);
            }
            None => {
                // The success came between the two failures, so it was counted.
                assert_eq!(counts.successes, 1);
                assert_eq!(breaker.state(), State::Closed);
            }
        }
    });
}

/// Two failures on two threads complete the row together: exactly one opens the circuit.
#[test]
fn a_trip_happens_once() {
    model(|| {
        let breaker = Arc::new(breaker(rules()));
        let tickets = [(); 3].map(|()| admit(&breaker, ms(0)));
        let threads = [tickets[0], tickets[1]].map(|ticket| {
            spawn(&breaker, move |breaker| {
                end(breaker, &ticket, End::Failure, ms(1))
            })
        });
        let mut changes = vec![end(&breaker, &tickets[2], End::Failure, ms(1))];
        changes.extend(threads.map(|thread| thread.join().unwrap()));
        let trips = changes.iter().flatten().count();
        assert_eq!(trips, 1);
        let counts = breaker.counts();
        assert_eq!((counts.failures, counts.stale), (2, 1));
        assert_eq!(breaker.status(ms(1)).left, Some(Duration::from_secs(1)));
    });
}

/// Somebody forces the circuit while a failure trips it: by hand wins in the end, and the failure
/// either came before or is stale.
#[test]
fn forcing_wins_over_a_trip() {
    for forced in [State::ForcedOpen, State::ForcedClosed] {
        model(move || {
            let breaker = Arc::new(breaker(rules()));
            let first = admit(&breaker, ms(0));
            end(&breaker, &first, End::Failure, ms(0));
            let last = admit(&breaker, ms(0));
            let failing = spawn(&breaker, move |breaker| {
                end(breaker, &last, End::Failure, ms(1))
            });
            let by_hand = breaker.force(forced, ms(1));
            let change = failing.join().unwrap();
            assert_eq!(breaker.state(), forced);
            let tripped = u64::from(change.is_some());
            assert_eq!(by_hand.generation, 1 + tripped);
            assert_eq!(breaker.counts().stale, 1 - tripped);
        });
    }
}

/// A probe closes the circuit or opens it again while somebody forces it: by hand wins in the end, and
/// the verdict either came before or is stale.
#[test]
fn forcing_wins_over_the_verdict_of_a_probe() {
    for verdict in [End::Success, End::Failure] {
        model(move || {
            let breaker = Arc::new(breaker(rules()));
            open(&breaker, ms(0));
            let probe = admit(&breaker, ms(1000));
            let ending = spawn(&breaker, move |breaker| {
                end(breaker, &probe, verdict, ms(1001))
            });
            let by_hand = breaker.force(State::ForcedClosed, ms(1001));
            let decided = u64::from(ending.join().unwrap().is_some());
            assert_eq!(breaker.state(), State::ForcedClosed);
            assert_eq!(by_hand.generation, 3 + decided);
            assert_eq!(breaker.counts().stale, 1 - decided);
        });
    }
}

/// A reset, between the look at the closed circuit and the end of the call: the call is of an earlier
/// generation then, and ends no row of the new one.
#[test]
fn a_reset_meets_calls_in_flight() {
    model(|| {
        let breaker = Arc::new(breaker(rules()));
        let (good, bad) = (admit(&breaker, ms(0)), admit(&breaker, ms(0)));
        let succeeding = spawn(&breaker, move |breaker| {
            breaker.succeed(&good, ms(1), 1);
        });
        let failing = spawn(&breaker, move |breaker| {
            end(breaker, &bad, End::Failure, ms(1))
        });
        breaker.force(State::Closed, ms(1));
        let next = admit(&breaker, ms(2));
        let first = end(&breaker, &next, End::Failure, ms(2));
        succeeding.join().unwrap();
        assert_eq!(failing.join().unwrap(), None);
        assert_eq!(
            first, None,
            "one failure of the new generation is no row of two"
        );
        let next = admit(&breaker, ms(3));
        let second = end(&breaker, &next, End::Failure, ms(3));
        assert_eq!(second.unwrap().to, State::Open);
    });
}
