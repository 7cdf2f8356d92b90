//! Every interleaving of the core's threads, as far as loom can tell them apart.
//!
//! `RUSTFLAGS="--cfg steady_loom" cargo test -p tower-steady-circuit-breaker --release --lib`

use std::time::Duration;

use loom::model;
use loom::sync::Arc;
use loom::thread;

use super::{admit, breaker, end, ms, open, rules};
use crate::breaker::{Breaker, End};
use crate::rules::Rules;
use crate::state::State;
use crate::tick::Tick;

/// Runs `work` on a thread of its own, with its number as the shard.
fn spawn<T: 'static>(
    breaker: &Arc<Breaker>,
    work: impl FnOnce(&Breaker) -> T + 'static,
) -> thread::JoinHandle<T> {
    let breaker = Arc::clone(breaker);
    thread::spawn(move || work(&breaker))
}

/// How many probes the half-open circuit still lets through.
fn slots(breaker: &Breaker, now: Tick) -> usize {
    std::iter::from_fn(|| breaker.admit(now).0.ok())
        .take(10)
        .count()
}

/// Three callers at the edge from open to half-open: exactly k get a slot, and exactly one of them
/// makes the transition.
#[test]
fn no_more_than_k_probes_are_let_through() {
    for k in [1, 2] {
        model(move || {
            let rules = Rules {
                probes: k,
                success_threshold: k,
                ..rules()
            };
            let breaker = Arc::new(breaker(rules));
            open(&breaker, ms(0));
            let callers: Vec<_> = (0..2)
                .map(|_| spawn(&breaker, |breaker| breaker.admit(ms(1000))))
                .collect();
            let mut outcomes = vec![breaker.admit(ms(1000))];
            outcomes.extend(callers.into_iter().map(|caller| caller.join().unwrap()));
            let admitted = outcomes.iter().filter(|(admitted, _)| admitted.is_ok());
            assert_eq!(admitted.count(), k as usize);
            let changes = outcomes.iter().filter(|(_, change)| change.is_some());
            assert_eq!(changes.count(), 1);
            assert_eq!(breaker.state(), State::HalfOpen);
            assert_eq!(breaker.counts().rejected, 3 - u64::from(k));
        });
    }
}

/// A probe is dropped while another caller asks for its slot: the slot is never lost and never
/// doubled.
#[test]
fn a_cancelled_probe_gives_back_exactly_one_slot() {
    model(|| {
        let breaker = Arc::new(breaker(rules()));
        open(&breaker, ms(0));
        let probe = admit(&breaker, ms(1000));
        let dropping = spawn(&breaker, move |breaker| {
            end(breaker, &probe, End::Cancelled, ms(1001))
        });
        let asking = spawn(&breaker, |breaker| breaker.admit(ms(1001)).0.ok());
        assert_eq!(dropping.join().unwrap(), None);
        let got = asking.join().unwrap();
        assert_eq!(breaker.state(), State::HalfOpen);
        let left = slots(&breaker, ms(1002));
        assert_eq!(left + usize::from(got.is_some()), 1);
    });
}

/// Cancel against verdict: two probes, one dropped and one ending well. The verdict decides alone.
#[test]
fn a_cancel_does_not_disturb_a_verdict() {
    model(|| {
        let rules = Rules {
            probes: 2,
            success_threshold: 1,
            ..rules()
        };
        let breaker = Arc::new(breaker(rules));
        open(&breaker, ms(0));
        let (dropped, good) = (admit(&breaker, ms(1000)), admit(&breaker, ms(1000)));
        let dropping = spawn(&breaker, move |breaker| {
            end(breaker, &dropped, End::Cancelled, ms(1001))
        });
        let ending = spawn(&breaker, move |breaker| {
            end(breaker, &good, End::Success, ms(1001))
        });
        assert_eq!(dropping.join().unwrap(), None);
        assert_eq!(ending.join().unwrap().unwrap().to, State::Closed);
        let counts = breaker.counts();
        assert_eq!(counts.successes, 1);
        assert_eq!(counts.cancelled + counts.stale, 1);
    });
}

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

/// Ids of leases begin anew with each generation. A probe of an earlier one that is dropped while the
/// circuit goes half-open again takes no slot from the probe that has its id now.
#[test]
fn a_probe_of_an_earlier_generation_gives_back_nothing() {
    model(|| {
        let rules = Rules {
            probes: 2,
            success_threshold: 2,
            ..rules()
        };
        let breaker = Arc::new(breaker(rules));
        open(&breaker, ms(0));
        let (dropped, failed) = (admit(&breaker, ms(1000)), admit(&breaker, ms(1000)));
        let dropping = spawn(&breaker, move |breaker| {
            end(breaker, &dropped, End::Cancelled, ms(5000))
        });
        let asking = spawn(&breaker, |breaker| breaker.admit(ms(5000)).0.ok());
        end(&breaker, &failed, End::Failure, ms(1001));
        let mine = breaker.admit(ms(5000)).0.ok();
        assert_eq!(dropping.join().unwrap(), None);
        let probes = [mine, asking.join().unwrap()];
        let now = probes.into_iter().flatten();
        // The other caller may have asked while the first generation had a slot.
        let generation = breaker.status(ms(5000)).generation;
        let current = now.filter(|ticket| ticket.generation() == generation);
        assert_eq!(breaker.state(), State::HalfOpen);
        assert_eq!(current.count() + slots(&breaker, ms(5000)), 2);
    });
}

/// A hung probe shows a sign of life while another call takes its lapsed slot: one of them has it.
#[test]
fn a_renewed_lease_is_not_given_away() {
    model(|| {
        let rules = Rules {
            probe_lease: Duration::from_millis(500),
            ..rules()
        };
        let breaker = Arc::new(breaker(rules));
        open(&breaker, ms(0));
        let hung = admit(&breaker, ms(1000));
        let renewing = spawn(&breaker, move |breaker| breaker.renew(&hung, ms(1500)));
        let second = breaker.admit(ms(1500)).0.ok();
        renewing.join().unwrap();
        let closed = end(&breaker, &hung, End::Success, ms(1600));
        assert_eq!(closed.is_some(), second.is_none());
        assert_eq!(breaker.counts().stale, u64::from(second.is_some()));
    });
}

/// A probe's lease is given to another call while its own verdict comes in: one of the two decides.
#[test]
fn a_lapsed_lease_and_its_late_verdict() {
    model(|| {
        let rules = Rules {
            probe_lease: Duration::from_millis(500),
            ..rules()
        };
        let breaker = Arc::new(breaker(rules));
        open(&breaker, ms(0));
        let hung = admit(&breaker, ms(1000));
        let late = spawn(&breaker, move |breaker| {
            end(breaker, &hung, End::Success, ms(1500))
        });
        let second = breaker.admit(ms(1500)).0;
        let closed = late.join().unwrap();
        match (closed, second) {
            // In time: the circuit has closed, before or after the other caller asked.
            (Some(change), Ok(ticket)) => {
                assert_eq!(change.to, State::Closed);
                assert!(!ticket.is_probe());
            }
            // The slot was taken over, so the late verdict is stale and the new probe decides.
            (None, Ok(ticket)) => {
                assert!(ticket.is_probe());
                assert_eq!(breaker.counts().stale, 1);
                let change = end(&breaker, &ticket, End::Failure, ms(1600));
                assert_eq!(change.unwrap().to, State::Open);
            }
            (closed, Err(refusal)) => panic!("no slot: {refusal:?}, {closed:?}"),
        }
    });
}

/// Two threads count successes into the same bucket while a third rolls the window over it with a
/// failure: no success of the window is lost, and none of an old slot is in it.
#[test]
fn the_window_rolls_under_concurrent_counting() {
    model(|| {
        let rules = Rules {
            consecutive_failures: None,
            failure_rate: Some(1.0),
            minimum_calls: 100,
            bucket: Some(1_000_000),
            ..rules()
        };
        let breaker = Arc::new(breaker(rules));
        let tickets = [(); 3].map(|()| admit(&breaker, ms(0)));
        // Slot 0 and slot 10 share a bucket.
        breaker.succeed(&tickets[0], ms(0), 0);
        let threads = [0, 10].map(|slot| {
            let ticket = tickets[1];
            spawn(&breaker, move |breaker| {
                breaker.succeed(&ticket, ms(slot), 0);
            })
        });
        end(&breaker, &tickets[2], End::Failure, ms(10));
        for thread in threads {
            thread.join().unwrap();
        }
        let window = breaker.window(ms(10)).unwrap();
        assert_eq!((window.calls, window.failures), (2, 1));
        assert_eq!(breaker.counts().successes, 3);
    });
}

/// A success that has passed the check of its generation is held up there while the circuit opens and
/// closes again: it is counted in no later window.
#[test]
fn a_success_that_is_overtaken_stays_out_of_the_next_window() {
    model(|| {
        let rules = Rules {
            consecutive_failures: Some(1),
            failure_rate: Some(1.0),
            minimum_calls: 100,
            bucket: Some(1_000_000),
            ..rules()
        };
        let breaker = Arc::new(breaker(rules));
        let (good, bad) = (admit(&breaker, ms(0)), admit(&breaker, ms(0)));
        let counting = spawn(&breaker, move |breaker| {
            breaker.succeed(&good, ms(1000), 0);
        });
        end(&breaker, &bad, End::Failure, ms(0));
        let probe = admit(&breaker, ms(1000));
        end(&breaker, &probe, End::Success, ms(1000));
        counting.join().unwrap();
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(breaker.window(ms(1000)).unwrap().calls, 0);
    });
}
