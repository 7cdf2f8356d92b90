//! Counters that can be read as of one moment, without a lock for those who write them.

use crate::sync::{AtomicU64, Ordering, yield_now};

/// What a budget has done so far, in micro-tokens where it is an amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) balance: u64,
    /// What has come in.
    pub(crate) deposited: u64,
    pub(crate) granted: u64,
    pub(crate) returned: u64,
    pub(crate) denied: u64,
    /// Net of what was returned.
    pub(crate) spent: u64,
}

/// The counters. A change first counts itself in `begun`, and its very last step is to count itself
/// among the grants, refunds, refusals or fines; a reader that finds as many begun after it read as
/// done before has seen no change half done.
#[derive(Debug)]
pub(crate) struct Tally {
    begun: AtomicU64,
    granted: AtomicU64,
    returned: AtomicU64,
    denied: AtomicU64,
    fined: AtomicU64,
    paid: AtomicU64,
    repaid: AtomicU64,
    lost: AtomicU64,
}

/// A change under way, to be ended by one of its methods.
#[must_use = "a change that does not end stops every reader"]
pub(crate) struct Change<'a>(&'a Tally);

// All writes release: a reader that sees one of them sees, too, that its change has begun.
impl Tally {
    pub(crate) fn begin(&self) -> Change<'_> {
        self.begun.fetch_add(1, Ordering::AcqRel);
        Change(self)
    }
}

/// The sums of `tallies`, and what there is, of one moment. What has come in follows from what there
/// is and what is gone. Waits for changes under way, which are a few instructions each.
pub(crate) fn read<'a>(
    tallies: impl Iterator<Item = &'a Tally> + Clone,
    funds: impl Fn() -> u64,
) -> Reading {
    let sum = |counter: fn(&Tally) -> &AtomicU64| {
        let counts = tallies.clone().map(counter);
        counts.fold(0, |sum: u64, count| {
            sum.wrapping_add(count.load(Ordering::Acquire))
        })
    };
    loop {
        let (granted, returned) = (sum(|tally| &tally.granted), sum(|tally| &tally.returned));
        let (denied, fined) = (sum(|tally| &tally.denied), sum(|tally| &tally.fined));
        let done = [granted, returned, denied, fined];
        let balance = funds();
        let spent = sum(|tally| &tally.paid).wrapping_sub(sum(|tally| &tally.repaid));
        let lost = sum(|tally| &tally.lost);
        let reading = Reading {
            balance,
            deposited: balance.wrapping_add(spent).wrapping_add(lost),
            granted,
            returned,
            denied,
            spent,
        };
        if sum(|tally| &tally.begun) == done.into_iter().fold(0, u64::wrapping_add) {
            return reading;
        }
        yield_now();
    }
}

impl Change<'_> {
    /// Tokens are gone that nobody was granted: they found no room, or were fined.
    pub(crate) fn lost(&self, amount: u64) {
        self.0.lost.fetch_add(amount, Ordering::Release);
    }

    pub(crate) fn granted(self, amount: u64) {
        self.0.paid.fetch_add(amount, Ordering::Release);
        self.0.granted.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn returned(self, amount: u64) {
        self.0.repaid.fetch_add(amount, Ordering::Release);
        self.0.returned.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn denied(self) {
        self.0.denied.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn fined(self) {
        self.0.fined.fetch_add(1, Ordering::Release);
    }
}

// Not derived: loom's atomics have no default.
impl Default for Tally {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            begun: zero(),
            granted: zero(),
            returned: zero(),
            denied: zero(),
            fined: zero(),
            paid: zero(),
            repaid: zero(),
            lost: zero(),
        }
    }
}
