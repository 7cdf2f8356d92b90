//! The leaky bucket of Finagle: deposits and withdrawals both expire. Pure, `now` as an argument.

use std::time::Duration;

use crate::tally::Reading;

/// As many as Finagle and tower use: an entry lives between 0.9 and 1 times the window.
const SLOTS: u64 = 10;

/// A bucket in which everything expires: what came in and what went out. A constant reserve comes on
/// top, so that with nothing coming in, `reserve` can be taken per window.
///
/// Slots are numbered by absolute time. Finagle and tower number them by the last call instead, so
/// that there the time an entry lives depends on how often the bucket is touched.
#[derive(Debug)]
pub(crate) struct Window {
    slot_nanos: u128,
    reserve: i64,
    /// The slot of the latest call, and the net of each of the last [`SLOTS`].
    newest: u64,
    net: [i64; SLOTS as usize],
    tally: Reading,
}

impl Window {
    pub(crate) fn new(ttl: Duration, reserve: u64) -> Self {
        Self {
            slot_nanos: (ttl.as_nanos() / u128::from(SLOTS)).max(1),
            reserve: signed(reserve),
            newest: 0,
            net: [0; SLOTS as usize],
            tally: Reading::default(),
        }
    }

    pub(crate) fn deposit(&mut self, amount: u64, now: Duration) {
        self.add(signed(amount), now);
        self.tally.deposited = self.tally.deposited.saturating_add(amount);
    }

    pub(crate) fn withdraw(&mut self, cost: u64, now: Duration) -> Result<(), u64> {
        let balance = self.balance(now);
        if balance < cost {
            self.tally.denied += 1;
            return Err(balance);
        }
        self.add(-signed(cost), now);
        self.tally.granted += 1;
        self.tally.spent += cost;
        Ok(())
    }

    pub(crate) fn refund(&mut self, cost: u64, now: Duration) {
        self.add(signed(cost), now);
        self.tally.returned += 1;
        self.tally.spent = self.tally.spent.saturating_sub(cost);
    }

    pub(crate) fn read(&mut self, now: Duration) -> Reading {
        Reading {
            balance: self.balance(now),
            ..self.tally
        }
    }

    fn balance(&mut self, now: Duration) -> u64 {
        self.roll(now);
        let sum = self
            .net
            .iter()
            .fold(self.reserve, |a, b| a.saturating_add(*b));
        u64::try_from(sum).unwrap_or(0)
    }

    fn add(&mut self, amount: i64, now: Duration) {
        self.roll(now);
        let slot = self.slot(self.newest);
        *slot = slot.saturating_add(amount);
    }

    /// Empties the slots that have come round since the last call, at most all of them.
    fn roll(&mut self, now: Duration) {
        let current = u64::try_from(now.as_nanos() / self.slot_nanos).unwrap_or(u64::MAX);
        let passed = current.saturating_sub(self.newest).min(SLOTS);
        for step in 0..passed {
            *self.slot(current - step) = 0;
        }
        self.newest = self.newest.max(current);
    }

    fn slot(&mut self, number: u64) -> &mut i64 {
        // Below SLOTS, so it fits and is in bounds.
        &mut self.net[usize::try_from(number % SLOTS).unwrap_or(0)]
    }
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
