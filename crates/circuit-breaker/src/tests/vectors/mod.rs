//! Histories whose outcome is known from other circuit breakers: what they get right as tables, what
//! they get wrong as regressions.

mod half_open;
mod open_time;
mod peers;
mod window;

use std::time::Duration;

use super::{admit, ms, rules};
use crate::breaker::{Breaker, End};
use crate::rules::Rules;
use crate::state::WindowCounts;

/// A window of ten buckets of this width and no rule that it could trip.
fn windowed(bucket: Duration) -> Rules {
    Rules {
        consecutive_failures: None,
        failure_rate: Some(1.0),
        minimum_calls: 1_000_000,
        bucket: Some(bucket.as_nanos() as u64),
        ..rules()
    }
}

fn call(breaker: &Breaker, at: u64, ended: End, slow: bool) {
    let ticket = admit(breaker, ms(at));
    breaker.end(&ticket, ended, slow, None, ms(at), 0, || 0.0);
}

fn window(breaker: &Breaker, at: u64) -> (u64, u64) {
    let WindowCounts {
        calls, failures, ..
    } = breaker.window(ms(at)).unwrap();
    (calls, failures)
}
