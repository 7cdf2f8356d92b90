//! Tells the first refusal of a row from the rest, so that an outage makes one event and not a flood.

use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};

/// A row of refusals is over when none has come for this long.
pub(crate) const QUIET: Duration = Duration::from_secs(10);

/// A row of refusals. Relaxed throughout: it decides about events only.
#[derive(Debug)]
pub(crate) struct Episode {
    /// The time of the latest refusal in milliseconds plus one, 0 outside an episode.
    latest: AtomicU64,
    denied: AtomicU64,
}

impl Default for Episode {
    fn default() -> Self {
        Self {
            latest: AtomicU64::new(0),
            denied: AtomicU64::new(0),
        }
    }
}

impl Episode {
    /// Notes a refusal; true for the first of a row.
    pub(crate) fn refused(&self, now: Duration) -> bool {
        self.denied.fetch_add(1, Ordering::Relaxed);
        let before = self.latest.swap(stamp(now), Ordering::Relaxed);
        before == 0 || is_over(before, now)
    }

    /// Whether refusals have been seen since the last recovery. One load.
    pub(crate) fn is_open(&self) -> bool {
        self.latest.load(Ordering::Relaxed) != 0
    }

    /// Notes a grant; if it ends an episode, gives the number of refusals in it.
    pub(crate) fn granted(&self, now: Duration) -> Option<u64> {
        let latest = self.latest.load(Ordering::Relaxed);
        if latest == 0 || !is_over(latest, now) {
            return None;
        }
        // Only one thread ends it.
        self.latest
            .compare_exchange(latest, 0, Ordering::Relaxed, Ordering::Relaxed)
            .ok()?;
        Some(self.denied.swap(0, Ordering::Relaxed))
    }
}

fn stamp(now: Duration) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX - 1) + 1
}

fn is_over(latest: u64, now: Duration) -> bool {
    u128::from(stamp(now).saturating_sub(latest)) >= QUIET.as_millis()
}
