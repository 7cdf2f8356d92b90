//! The tokens and empty places that no till has.

use crate::sync::{AtomicU64, Ordering};

/// Shared by all threads. Nothing is taken here that is not there: each taking is one atomic step.
#[derive(Debug)]
pub(crate) struct Vault {
    tokens: AtomicU64,
    room: AtomicU64,
}

// All writes release: whoever sees one sees, too, that a change has begun.
impl Vault {
    pub(crate) fn new(tokens: u64, room: u64) -> Self {
        Self {
            tokens: AtomicU64::new(tokens),
            room: AtomicU64::new(room),
        }
    }

    pub(crate) fn put(&self, tokens: u64, room: u64) {
        add(&self.tokens, tokens);
        add(&self.room, room);
    }

    /// Fills as many places as there are, up to `amount`; gives how many.
    pub(crate) fn fill(&self, amount: u64) -> u64 {
        let filled = take(&self.room, amount);
        add(&self.tokens, filled);
        filled
    }

    /// Takes `cost` tokens if there are `least`, which is no fewer; else says how many there are. The
    /// places that they leave are the caller's to put somewhere.
    pub(crate) fn pay(&self, cost: u64, least: u64) -> Result<(), u64> {
        let rest = |tokens| (tokens >= least).then(|| tokens - cost);
        let paid = self
            .tokens
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, rest);
        paid.map(|_| ())
    }

    /// Empties as many places as hold a token, up to `amount`; gives how many.
    pub(crate) fn drain(&self, amount: u64) -> u64 {
        let drained = take(&self.tokens, amount);
        add(&self.room, drained);
        drained
    }

    pub(crate) fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Acquire)
    }
}

fn add(to: &AtomicU64, amount: u64) {
    if amount > 0 {
        to.fetch_add(amount, Ordering::Release);
    }
}

/// Takes what there is, up to `most`; gives how much.
fn take(from: &AtomicU64, most: u64) -> u64 {
    let rest = |there: u64| (there > 0 && most > 0).then(|| there.saturating_sub(most));
    let before = from.fetch_update(Ordering::AcqRel, Ordering::Acquire, rest);
    before.map_or(0, |there| there.min(most))
}
