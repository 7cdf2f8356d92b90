//! The token bucket: pure arithmetic on atomics, `now` as an argument.
//!
//! What a plain bucket does at once, this one does in two steps: a deposit is added to the running
//! thread's shard and counts from then on, but is merged into the balance only when somebody asks for
//! tokens. The two agree because everything that comes in is positive, and capping a sum of positive
//! amounts once gives the same as capping it after each:
//! `min(c, min(c, b + x) + y) = min(c, b + x + y)`. Everything that takes out merges first. So for one
//! thread this bucket *is* the plain one, and for many no token is granted that was not paid in.
//!
//! Two threads that withdraw at the same moment may miss each other's merge: tokens that one of them
//! carries from a shard to the balance are in neither, and the other may be refused although they
//! are about to arrive. It errs on that side only.

use std::time::Duration;

use tower_steady_core::shard::Padded;

use crate::sync::{AtomicU64, Ordering};
use crate::tally::{self, Reading, Tally};

/// Fewer under the model checker, which explores every interleaving of them.
pub(crate) const SHARDS: usize = if cfg!(steady_loom) {
    2
} else {
    tower_steady_core::shard::COUNT
};

/// What a bucket is held to, in micro-tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) capacity: u64,
    pub(crate) initial: u64,
    /// Per second.
    pub(crate) reserve: u64,
}

/// A lock-free token bucket whose deposits neither contend nor read a clock.
#[derive(Debug)]
pub(crate) struct Bucket {
    capacity: u64,
    reserve: u64,
    shards: [Padded<Shard>; SHARDS],
    main: Padded<Main>,
}

/// What only threads that share it write, in a line of the cache of its own.
#[derive(Debug)]
struct Shard {
    /// Paid in here and not merged yet.
    income: AtomicU64,
    /// All that was ever merged by its threads, with what found the bucket full.
    merged: AtomicU64,
    tally: Tally,
}

#[derive(Debug)]
struct Main {
    balance: AtomicU64,
    /// Up to when the reserve has been paid in, in nanoseconds since the bucket was made.
    reserved_until: AtomicU64,
}

impl Bucket {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            capacity: limits.capacity,
            reserve: limits.reserve,
            shards: std::array::from_fn(|_| {
                Padded(Shard {
                    income: AtomicU64::new(0),
                    merged: AtomicU64::new(0),
                    tally: Tally::default(),
                })
            }),
            main: Padded(Main {
                balance: AtomicU64::new(limits.initial.min(limits.capacity)),
                reserved_until: AtomicU64::new(0),
            }),
        }
    }

    /// Whether [`Bucket::withdraw`] needs to know the time.
    pub(crate) const fn keeps_time(&self) -> bool {
        self.reserve > 0
    }

    /// Pays in. `shard`, here and below, is any number below [`SHARDS`]: threads with different ones
    /// contend for the balance alone, which a deposit does not touch.
    pub(crate) fn deposit(&self, shard: usize, amount: u64) {
        let income = &self.shard(shard).income;
        // Relaxed: an amount stands for itself, nothing is published with it. A shard that fills the
        // bucket all by itself has no use for more, and so cannot run over either.
        if income.load(Ordering::Relaxed) < self.capacity {
            income.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// Takes `cost` if the balance reaches it and lies above `above`; else says what the balance is.
    pub(crate) fn withdraw(
        &self,
        shard: usize,
        cost: u64,
        above: Option<u64>,
        now: Duration,
    ) -> Result<(), u64> {
        let least = above.map_or(cost, |above| cost.max(above.saturating_add(1)));
        let shard = self.shard(shard);
        let change = shard.tally.begin();
        let result = self.change(shard, now, |balance| {
            (balance >= least).then(|| balance - cost)
        });
        match result {
            Ok(()) => change.granted(cost),
            Err(_) => change.denied(),
        }
        result
    }

    /// Takes `amount`, or what there is of it: the price of a failure, which nobody can refuse.
    pub(crate) fn fine(&self, shard: usize, amount: u64, now: Duration) {
        let shard = self.shard(shard);
        let change = shard.tally.begin();
        // Never declines.
        let _ = self.change(shard, now, |balance| Some(balance.saturating_sub(amount)));
        change.fined();
    }

    /// Gives back what a [`Bucket::withdraw`] took.
    pub(crate) fn refund(&self, shard: usize, amount: u64) {
        let change = self.shard(shard).tally.begin();
        self.add(amount);
        change.returned(amount);
    }

    /// Balance and tally of one moment.
    pub(crate) fn read(&self, now: Duration) -> Reading {
        let main = &self.main.0;
        let shards = self.shards.iter().map(|Padded(shard)| shard);
        tally::read(shards.clone().map(|shard| &shard.tally), || {
            let until = Duration::from_nanos(main.reserved_until.load(Ordering::Acquire));
            let due = credited(self.reserve, now).saturating_sub(credited(self.reserve, until));
            let sum = |first: u64, counter: fn(&Shard) -> &AtomicU64| {
                let counts = shards.clone().map(counter);
                counts.fold(first, |sum, count| {
                    sum.saturating_add(count.load(Ordering::Acquire))
                })
            };
            let income = sum(due, |shard| &shard.income);
            let balance = main.balance.load(Ordering::Acquire);
            let merged = sum(0, |shard| &shard.merged);
            (
                balance.saturating_add(income).min(self.capacity),
                merged.saturating_add(income),
            )
        })
    }

    pub(crate) const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Merges what has come in, then applies `change`; where that declines, gives the balance.
    fn change(
        &self,
        shard: &Shard,
        now: Duration,
        change: impl Fn(u64) -> Option<u64>,
    ) -> Result<(), u64> {
        let income = self.collect(shard, now);
        let balance = &self.main.0.balance;
        // Release: whoever sees this balance sees, too, that a change has begun.
        let mut seen = balance.load(Ordering::Acquire);
        loop {
            let full = seen.saturating_add(income).min(self.capacity);
            let (new, result) = match change(full) {
                Some(new) => (new, Ok(())),
                None => (full, Err(full)),
            };
            match balance.compare_exchange_weak(seen, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return result,
                Err(other) => seen = other,
            }
        }
    }

    fn add(&self, amount: u64) {
        let _ = self
            .main
            .0
            .balance
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |balance| {
                Some(balance.saturating_add(amount).min(self.capacity))
            });
    }

    /// Empties the shards and claims the reserve that is due. What it gives is the caller's to merge.
    fn collect(&self, own: &Shard, now: Duration) -> u64 {
        let mut income = self.claim(now);
        for Padded(shard) in &self.shards {
            // A look first: most shards are empty, and writing would take the line from its thread.
            if shard.income.load(Ordering::Relaxed) > 0 {
                income = income.saturating_add(shard.income.swap(0, Ordering::AcqRel));
            }
        }
        if income > 0 {
            own.merged.fetch_add(income, Ordering::Release);
        }
        income
    }

    fn shard(&self, shard: usize) -> &Shard {
        &self.shards[shard % SHARDS].0
    }

    fn claim(&self, now: Duration) -> u64 {
        if self.reserve == 0 {
            return 0;
        }
        // One atomic step, so that each moment is claimed once however many threads come by.
        let until = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let reserved_until = &self.main.0.reserved_until;
        let by = |nanos| credited(self.reserve, Duration::from_nanos(nanos));
        let due = |from| by(until).saturating_sub(by(from));
        // A moment that brings nothing in by itself is left to a later claim.
        if due(reserved_until.load(Ordering::Acquire)) == 0 {
            return 0;
        }
        due(reserved_until.fetch_max(until, Ordering::AcqRel))
    }
}

/// All that a rate has paid in by `now`, rounded down. Taking differences of this instead of rounding
/// each span loses nothing, however often it is asked.
fn credited(per_second: u64, now: Duration) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    // A rate is at most 10¹⁰, so the product stays below 10¹⁹ and fits.
    let fraction = per_second * u64::from(now.subsec_nanos()) / SECOND;
    per_second
        .saturating_mul(now.as_secs())
        .saturating_add(fraction)
}
