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
    for _ in 0..9 {
        let pass = pacer.take(now, true);
        pacer.success(pass, &rates);
    }
    is(&pacer, 10.0);
    let flight = [(); 3].map(|()| pacer.take(now, true));
    assert!(pacer.refusal(flight[0], &rates));
    assert!(!pacer.refusal(flight[1], &rates));
    assert!(!pacer.success(flight[2], &rates), "from before the change");
    is(&pacer, 5.0);

    // A hundred successes lead back, and an eighth each beyond.
    for _ in 0..100 {
        let pass = pacer.take(now, true);
        pacer.success(pass, &rates);
    }
    assert!((pacer.rate() - 10.0).abs() < 0.051, "{}", pacer.rate());
    let before = pacer.rate().max(10.0);
    for _ in 0..2 {
        let pass = pacer.take(now, true);
        pacer.success(pass, &rates);
    }
    assert!(pacer.rate() > before + 0.9, "{}", pacer.rate());
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
    for _ in 0..9 {
        let pass = pacer.take(now, true);
        pacer.success(pass, &rates);
    }
    let pass = pacer.take(now, true);
    pacer.success(pass, &rates);
    let pass = pacer.take(now, true);
    pacer.refusal(pass, &rates);
    for _ in 0..3 {
        pacer.restart(&rates);
        is(&pacer, 5.5);
        assert_eq!(pacer.due(), None);
    }
}
