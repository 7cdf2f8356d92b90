//! What was spent within the last hour. Pure, `now` as an argument.

use std::time::Duration;

const MINUTE: u64 = 60;

/// One more than an hour has minutes: whatever was spent within the last 60 minutes is in one of
/// them, so that no hour, whenever it begins, holds more than the limit. The price is that an amount
/// counts for up to 61 minutes.
const SLOTS: u64 = 61;

/// A sum that forgets after an hour.
#[derive(Clone, Debug)]
pub(crate) struct Hour {
    newest: u64,
    spent: [u64; SLOTS as usize],
}

impl Hour {
    pub(crate) const fn new() -> Self {
        Self {
            newest: 0,
            spent: [0; SLOTS as usize],
        }
    }

    /// What was spent in the hour before `now`.
    pub(crate) fn spent(&mut self, now: Duration) -> u64 {
        self.roll(now);
        self.spent
            .iter()
            .fold(0, |sum, slot| sum.saturating_add(*slot))
    }

    /// Adds an amount; gives the minute it is booked under.
    pub(crate) fn add(&mut self, amount: u64, now: Duration) -> u64 {
        self.roll(now);
        let minute = self.newest;
        let slot = self.slot(minute);
        *slot = slot.saturating_add(amount);
        minute
    }

    /// Takes an amount back from the minute it was booked under, unless that is forgotten already.
    pub(crate) fn remove(&mut self, amount: u64, minute: u64) {
        if self.newest - minute < SLOTS {
            let slot = self.slot(minute);
            *slot = slot.saturating_sub(amount);
        }
    }

    /// How long until no more than `most` of what is booked is left, if nothing is added.
    pub(crate) fn until_at_most(&mut self, most: u64, now: Duration) -> Duration {
        let mut left = self.spent(now);
        let oldest = (self.newest + 1).saturating_sub(SLOTS);
        let mut forgotten = Duration::ZERO;
        for minute in oldest..=self.newest {
            if left <= most {
                break;
            }
            left = left.saturating_sub(*self.slot(minute));
            forgotten = Duration::from_secs((minute + SLOTS) * MINUTE);
        }
        forgotten.saturating_sub(now)
    }

    /// Empties the minutes that have come round since the last call, at most all of them.
    fn roll(&mut self, now: Duration) {
        let current = now.as_secs() / MINUTE;
        let passed = current.saturating_sub(self.newest).min(SLOTS);
        for step in 0..passed {
            *self.slot(current - step) = 0;
        }
        self.newest = self.newest.max(current);
    }

    fn slot(&mut self, minute: u64) -> &mut u64 {
        // Below SLOTS, so it fits and is in bounds.
        &mut self.spent[usize::try_from(minute % SLOTS).unwrap_or(0)]
    }
}
