//! What the calls tell that were in flight when a pause began.

use std::time::{Duration, Instant};

use crate::pause::flight::Flight;

#[track_caller]
fn is(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

/// Answers at these milliseconds, and the rates that follow from each.
fn rates(millis: &[u64]) -> Vec<f64> {
    let now = Instant::now();
    let mut flight = Flight::new(now);
    let answers = millis.iter();
    answers
        .map(|millis| flight.accepted(now + Duration::from_millis(*millis)))
        .collect()
}

#[test]
fn they_come_in_at_the_pace_at_which_they_were_sent() {
    for (millis, expected) in [
        (&[200, 400, 600, 800][..], [5.0, 5.0, 5.0, 5.0].as_slice()),
        // A few at once say little of the pace.
        (&[1, 1, 1], &[10.0, 20.0, 30.0]),
        // A new window each second, so that a quiet one before is not counted in.
        (&[4000, 4100, 4200, 5001, 5002], &[1.0, 2.0, 3.0, 1.0, 2.0]),
    ] {
        for (found, expected) in rates(millis).into_iter().zip(expected) {
            is(found, *expected);
        }
    }
}

#[test]
fn the_share_that_was_accepted_is_that_of_all_until_now() {
    let now = Instant::now();
    let mut flight = Flight::new(now);
    is(flight.share(), 0.0);
    flight.refused();
    is(flight.share(), 0.0);
    for share in [1.0 / 2.0, 2.0 / 3.0, 3.0 / 4.0] {
        flight.accepted(now + Duration::from_secs(3));
        is(flight.share(), share);
    }
}
