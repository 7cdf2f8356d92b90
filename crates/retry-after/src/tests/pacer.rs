//! The pace, step by step.

use std::time::{Duration, Instant};

use crate::pause::config::Settings;
use crate::pause::pacer::{Pacer, Rates};

fn rates() -> Rates {
    Settings::default().rates
}

#[track_caller]
fn is(pacer: &Pacer, rate: f64) {
    assert!(
        (pacer.rate() - rate).abs() < 1e-9,
        "{} is not {rate}",
        pacer.rate()
    );
}

#[test]
fn slow_start_doubles_and_then_adds_one() {
    let (mut rates, now) = (rates(), Instant::now());
    rates.initial = 0.25;
    let mut pacer = Pacer::new(&rates);
    for rate in [0.5, 1.0, 2.0, 3.0, 4.0] {
        let pass = pacer.take(now, true);
        assert!(pacer.success(pass, &rates));
        is(&pacer, rate);
    }
}

#[test]
fn a_refusal_halves_once_for_all_that_went_before_it() {
    let (rates, now) = (rates(), Instant::now());
    let mut pacer = Pacer::new(&rates);
    grow(&mut pacer, 9, &rates);
    is(&pacer, 10.0);
    assert!(!refused(&mut pacer, &rates), "the first may be chance");
    let flight = [(); 3].map(|()| pacer.take(now, true));
    assert!(pacer.refusal(flight[0], &rates));
    assert!(!pacer.refusal(flight[1], &rates));
    assert!(!pacer.success(flight[2], &rates), "from before the change");
    is(&pacer, 5.0);
}

/// Lowers the rate to half, by chance or not.
fn halve(pacer: &mut Pacer, rates: &Rates) {
    let before = pacer.rate();
    let pass = pacer.take(Instant::now(), false);
    pacer.success(pass, rates);
    while !refused(pacer, rates) {}
    is(pacer, before / 2.0);
}

/// So many calls that are accepted and had to wait for their turn.
fn grow(pacer: &mut Pacer, calls: usize, rates: &Rates) {
    for _ in 0..calls {
        let pass = pacer.take(Instant::now(), true);
        pacer.success(pass, rates);
    }
}

#[test]
fn the_way_back_is_short_to_a_rate_that_was_refused_once_and_long_to_a_limit() {
    let mut rates = rates();
    rates.initial = 10.0;
    let mut pacer = Pacer::new(&rates);
    halve(&mut pacer, &rates);
    assert!(
        !pacer.knows_limit(),
        "two refusals may fall together by chance"
    );
    grow(&mut pacer, 20, &rates);
    is(&pacer, 10.0);

    halve(&mut pacer, &rates);
    assert!(pacer.knows_limit());
    grow(&mut pacer, 100, &rates);
    assert!((pacer.rate() - 10.0).abs() < 0.051, "{}", pacer.rate());
    let before = pacer.rate().max(10.0);
    grow(&mut pacer, 2, &rates);
    assert!(
        pacer.rate() > before + 0.9,
        "an eighth each, but one at most"
    );
}

#[test]
fn a_limit_that_is_passed_fourfold_is_none() {
    let mut rates = rates();
    rates.initial = 8.0;
    for times in [1, 2] {
        let mut pacer = Pacer::new(&rates);
        let mut refused = 0.0;
        for _ in 0..times {
            refused = pacer.rate();
            halve(&mut pacer, &rates);
        }
        while pacer.rate() < 4.0 * refused - 1.0 {
            grow(&mut pacer, 1, &rates);
            assert_eq!(pacer.knows_limit(), times == 2, "{}", pacer.rate());
        }
        grow(&mut pacer, 2, &rates);
        assert!(!pacer.knows_limit());
        // So the next refusal is the first again.
        halve(&mut pacer, &rates);
        assert!(!pacer.knows_limit());
    }
}

/// The server was not ready yet: that must not cost the rate, or it is minutes until it is back.
#[test]
fn refusals_without_a_success_between_do_not_go_below_the_beginning() {
    let (rates, now) = (rates(), Instant::now());
    let mut pacer = Pacer::new(&rates);
    for _ in 0..20 {
        let pass = pacer.take(now, true);
        pacer.refusal(pass, &rates);
    }
    is(&pacer, 1.0);
    let pass = pacer.take(now, true);
    pacer.success(pass, &rates);
    is(&pacer, 2.0);
}

#[test]
fn a_call_that_did_not_wait_raises_nothing() {
    let (rates, now) = (rates(), Instant::now());
    let mut pacer = Pacer::new(&rates);
    let pass = pacer.take(now, false);
    assert!(!pacer.success(pass, &rates));
    is(&pacer, 1.0);
}

#[test]
fn a_late_timer_catches_up_by_ten_milliseconds_at_most() {
    let (mut rates, now) = (rates(), Instant::now());
    rates.initial = 1000.0;
    let mut pacer = Pacer::new(&rates);
    pacer.take(now, true);
    let late = now + Duration::from_secs(5);
    let at_once = (0..).take_while(|_| {
        let due = pacer.due().is_none_or(|due| due <= late);
        if due {
            pacer.take(late, true);
        }
        due
    });
    assert_eq!(at_once.count(), 11);
}

#[test]
fn what_was_learned_is_where_the_next_release_begins() {
    let (rates, now) = (rates(), Instant::now());
    let mut pacer = Pacer::new(&rates);
    grow(&mut pacer, 9, &rates);
    let pass = pacer.take(now, true);
    pacer.success(pass, &rates);
    assert!(!refused(&mut pacer, &rates), "the first may be chance");
    assert!(refused(&mut pacer, &rates));
    for _ in 0..3 {
        pacer.restart(&rates);
        is(&pacer, 5.5);
        assert_eq!(pacer.due(), None);
    }
    grow(&mut pacer, 23, &rates);
    is(&pacer, 12.0);
    pacer.restart(&rates);
    is(&pacer, 6.0);
}

/// What nobody refused holds as well as what was refused, but less with each calm.
#[test]
fn what_was_never_refused_is_not_forgotten_at_once() {
    let rates = rates();
    let mut pacer = Pacer::new(&rates);
    grow(&mut pacer, 7, &rates);
    for rate in [4.0, 2.0, 1.0, 1.0] {
        pacer.restart(&rates);
        is(&pacer, rate);
    }
}

/// Sends so many calls one after the other, all of which are accepted.
fn accepted(pacer: &mut Pacer, calls: usize, rates: &Rates) {
    for _ in 0..calls {
        let pass = pacer.take(Instant::now(), false);
        pacer.success(pass, rates);
    }
}

fn refused(pacer: &mut Pacer, rates: &Rates) -> bool {
    let pass = pacer.take(Instant::now(), false);
    pacer.refusal(pass, rates)
}

#[test]
fn one_refusal_in_fifty_changes_nothing() {
    let (mut rates, mut lowered) = (rates(), Vec::new());
    rates.initial = 8.0;
    for calls in [20, 40, 60, 80] {
        let mut pacer = Pacer::new(&rates);
        lowered.push((0..40).any(|_| {
            accepted(&mut pacer, calls, &rates);
            refused(&mut pacer, &rates)
        }));
    }
    assert_eq!(lowered, [true, true, false, false]);
}

#[test]
fn refusals_right_after_one_another_are_no_chance() {
    let rates = rates();
    // Each after so many calls that went since the one before was known, with all the credit there is.
    for (calls, some) in [(0, 4), (2, 4), (3, 4), (4, 17)] {
        let mut pacer = Pacer::new(&rates);
        accepted(&mut pacer, 2000, &rates);
        let chance = (0..)
            .take_while(|_| {
                accepted(&mut pacer, calls, &rates);
                !refused(&mut pacer, &rates)
            })
            .count();
        assert!(chance.abs_diff(some) <= 1, "after {calls}: {chance}");
    }
}

/// What was in flight together is one burst, however much of it is refused.
#[test]
fn many_refusals_of_one_flight_lower_the_rate_once() {
    let (mut rates, now) = (rates(), Instant::now());
    rates.initial = 8.0;
    let mut pacer = Pacer::new(&rates);
    accepted(&mut pacer, 2000, &rates);
    let flight = [(); 100].map(|()| pacer.take(now, true));
    let lowered = flight
        .iter()
        .filter(|pass| pacer.refusal(**pass, &rates))
        .count();
    assert_eq!(lowered, 1);
    is(&pacer, 4.0);
}

#[test]
fn a_release_begins_with_what_was_achieved() {
    let rates = rates();
    for (achieved, share, rate) in [
        (100.0, 1.0, 100.0),
        (100.0, 0.99, 100.0),
        (100.0, 0.9, 100.0),
        (100.0, 0.8, 40.0),
        (30.0, 0.2, 3.0),
        (1.0, 0.2, 1.0),
        (1e9, 1.0, rates.max),
    ] {
        let mut pacer = Pacer::new(&rates);
        assert_eq!(pacer.achieved(achieved, share, &rates), rate > 1.0);
        is(&pacer, rate);
        assert!(!pacer.achieved(achieved / 2.0, share, &rates));
        is(&pacer, rate);
    }
}

#[test]
fn a_crowd_takes_a_second_at_any_rate() {
    let (mut rates, began) = (rates(), Instant::now());
    rates.initial = 10_000.0;
    for (crowd, took) in [(1, 0), (2, 100), (5, 400), (10, 900), (1000, 999)] {
        let mut pacer = Pacer::new(&rates);
        pacer.release(crowd);
        let mut now = began;
        for _ in 0..crowd {
            now = pacer.due().unwrap_or(now);
            pacer.take(now, true);
        }
        assert_eq!(now - began, Duration::from_millis(took), "{crowd}");
        assert_eq!(pacer.interval(), Duration::from_micros(100), "all are gone");
    }
}

/// The crowd held them back, not the rate.
#[test]
fn a_crowd_raises_no_rate() {
    let (mut rates, now) = (rates(), Instant::now());
    rates.initial = 100.0;
    let mut pacer = Pacer::new(&rates);
    pacer.release(20);
    let pass = pacer.take(now, true);
    assert!(!pacer.success(pass, &rates));
    is(&pacer, 100.0);
}
