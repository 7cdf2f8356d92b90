//! Those who waited for the end of a pause, and how fast they may go at most.

use std::time::Duration;

/// Who waited when a pause ended and has not gone yet. Of them no more than a tenth goes in any 100 ms,
/// at whatever rate: a crowd that is let go at once is the next refusal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crowd {
    left: usize,
    interval: Duration,
}

impl Crowd {
    /// What all of them together take at least.
    const ALL: Duration = Duration::from_secs(1);
    /// But no two of them need be further apart than this.
    const GAP: Duration = Duration::from_millis(100);

    pub(crate) fn new(waiting: usize) -> Self {
        let waiters = u32::try_from(waiting).unwrap_or(u32::MAX);
        match Self::ALL.checked_div(waiters) {
            Some(each) => Self {
                left: waiting,
                interval: each.min(Self::GAP),
            },
            None => Self::default(),
        }
    }

    /// The time between two of them at least.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// One of them goes.
    pub(crate) fn take(&mut self) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            *self = Self::default();
        }
    }
}
