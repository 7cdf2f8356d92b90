//! Who probes, and what the probes decide.

use std::time::Duration;

use super::super::{admit, breaker, end, ms, open, rules};
use crate::breaker::End;
use crate::rules::Rules;
use crate::state::State;

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

/// resilience4j, `CircuitBreakerStateMachineTest`: four probes, of which half may fail; an ignored one
/// gives its slot back. (It waits for the fourth verdict though three decide; in gobreaker and Polly the
/// one failure opens the circuit again.)
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
