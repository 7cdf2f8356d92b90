//! What threads count in a window that moves on.

use loom::model;
use loom::sync::Arc;

use super::super::{admit, breaker, end, ms, rules};
use super::spawn;
use crate::breaker::End;
use crate::rules::Rules;
use crate::state::State;

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
