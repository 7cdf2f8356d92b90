//! Counters that can be read as of one moment, without a lock for those who write them.

use crate::sync::{AtomicU64, Ordering, yield_now};

/// What a budget has done so far, in micro-tokens where it is an amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) balance: u64,
    pub(crate) granted: u64,
    pub(crate) returned: u64,
    pub(crate) denied: u64,
    /// Net of what was returned.
    pub(crate) spent: u64,
}

/// The counters. Every change stands between a `begun` and an `ended`; a reader that finds as many
/// begun after it read as ended before has seen no change half done.
#[derive(Debug)]
pub(crate) struct Tally {
    begun: AtomicU64,
    ended: AtomicU64,
    granted: AtomicU64,
    returned: AtomicU64,
    denied: AtomicU64,
    paid: AtomicU64,
    repaid: AtomicU64,
}

// All writes below release: a reader that sees one of them sees, too, that its change has begun.
impl Tally {
    /// One change, which must count itself with the methods below.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&Self) -> T) -> T {
        self.begun.fetch_add(1, Ordering::AcqRel);
        let result = change(self);
        self.ended.fetch_add(1, Ordering::AcqRel);
        result
    }

    pub(crate) fn grant(&self, amount: u64) {
        self.granted.fetch_add(1, Ordering::Release);
        self.paid.fetch_add(amount, Ordering::Release);
    }

    pub(crate) fn give_back(&self, amount: u64) {
        self.returned.fetch_add(1, Ordering::Release);
        self.repaid.fetch_add(amount, Ordering::Release);
    }

    pub(crate) fn deny(&self) {
        self.denied.fetch_add(1, Ordering::Release);
    }

    /// The counters and a `balance` of one moment. Waits for changes under way, which are a few
    /// instructions each.
    pub(crate) fn read(&self, balance: impl Fn() -> u64) -> Reading {
        loop {
            let ended = self.ended.load(Ordering::Acquire);
            let load = |counter: &AtomicU64| counter.load(Ordering::Acquire);
            let reading = Reading {
                balance: balance(),
                granted: load(&self.granted),
                returned: load(&self.returned),
                denied: load(&self.denied),
                spent: load(&self.paid).wrapping_sub(load(&self.repaid)),
            };
            if self.begun.load(Ordering::Acquire) == ended {
                return reading;
            }
            yield_now();
        }
    }
}

// Not derived: loom's atomics have no default.
impl Default for Tally {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            begun: zero(),
            ended: zero(),
            granted: zero(),
            returned: zero(),
            denied: zero(),
            paid: zero(),
            repaid: zero(),
        }
    }
}
