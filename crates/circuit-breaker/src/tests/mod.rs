//! Tests of the decision core, which is not public.

use std::sync::Arc;
use std::time::Duration;

use crate::breaker::{Breaker, Change, End, Ticket};
use crate::rules::{OpenTime, Rules};
use crate::tick::Tick;

#[cfg(steady_loom)]
mod loom;
#[cfg(not(steady_loom))]
mod model;
#[cfg(not(steady_loom))]
mod vectors;

/// Two failures in a row open for 1 s, 2 s, ...; one probe; no jitter; no window.
fn rules() -> Rules {
    Rules {
        consecutive_failures: Some(2),
        failure_count: None,
        failure_rate: None,
        slow_call_rate: None,
        minimum_calls: 1,
        bucket: None,
        quick: true,
        probes: 1,
        success_threshold: 1,
        probe_lease: Duration::from_secs(60),
        open_time: OpenTime {
            base: Duration::from_secs(1),
            growth: 2.0,
            max: Duration::from_secs(100),
            jitter: 0.0,
            healthy_after: Duration::ZERO,
            max_server_wait: Duration::from_secs(3600),
        },
    }
}

fn breaker(rules: Rules) -> Breaker {
    Breaker::new(Arc::new(rules))
}

fn ms(millis: u64) -> Tick {
    Tick::at(Duration::from_millis(millis))
}

/// A call that is let through, or a panic.
fn admit(breaker: &Breaker, now: Tick) -> Ticket {
    breaker.admit(now).0.expect("let through")
}

fn end(breaker: &Breaker, ticket: &Ticket, end: End, now: Tick) -> Option<Change> {
    breaker.end(ticket, end, false, None, now, 0, || 0.0)
}

fn open(breaker: &Breaker, now: Tick) {
    for _ in 0..2 {
        let ticket = admit(breaker, now);
        end(breaker, &ticket, End::Failure, now);
    }
    assert_eq!(breaker.state(), crate::State::Open);
}
