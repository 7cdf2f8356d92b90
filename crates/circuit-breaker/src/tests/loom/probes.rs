//! The slots of a half-open circuit.

use std::time::Duration;

use loom::model;
use loom::sync::Arc;

use super::super::{admit, breaker, end, ms, open, rules};
use super::{slots, spawn};
use crate::breaker::End;
use crate::rules::Rules;
use crate::state::State;

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
