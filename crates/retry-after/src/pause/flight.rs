//! What a key achieved before its pause began, told by the calls that were in flight then.

use std::time::{Duration, Instant};

/// Calls that were sent while their key was free and answered after a refusal engaged it.
///
/// Free calls are not counted, so that they cost nothing. But those in flight come in at the pace at
/// which they were sent, and so tell afterwards how fast that was.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    accepted: u32,
    refused: u32,
    /// Since when `lately` counts the accepted.
    since: Instant,
    lately: u32,
    /// What they are divided by at least.
    least: Duration,
}

impl Flight {
    const WINDOW: Duration = Duration::from_secs(1);
    /// The first window begins in the middle of a flight, so less of it tells enough.
    const FIRST: Duration = Duration::from_millis(100);

    pub(crate) fn new(now: Instant) -> Self {
        Self {
            accepted: 0,
            refused: 0,
            since: now,
            lately: 0,
            least: Self::FIRST,
        }
    }

    pub(crate) fn refused(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    /// One of them was accepted. Returns how many were in a second lately.
    pub(crate) fn accepted(&mut self, now: Instant) -> f64 {
        self.accepted = self.accepted.saturating_add(1);
        let mut took = now.saturating_duration_since(self.since);
        if took > Self::WINDOW {
            (self.since, self.lately, self.least) = (now, 0, Self::WINDOW);
            took = Duration::ZERO;
        }
        self.lately = self.lately.saturating_add(1);
        f64::from(self.lately) / took.max(self.least).as_secs_f64()
    }

    /// The share of them that was accepted until now.
    pub(crate) fn share(&self) -> f64 {
        let accepted = f64::from(self.accepted);
        accepted / (accepted + f64::from(self.refused)).max(1.0)
    }
}
