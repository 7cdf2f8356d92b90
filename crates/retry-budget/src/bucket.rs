//! The token bucket: pure arithmetic on atomics, `now` as an argument.
//!
//! The capacity is a number of *places*, each of which is empty or holds a token. Places are never
//! made or lost: they are moved, filled by what comes in and emptied by what goes out, one atomic step
//! each. So there are never more tokens than places, nor more granted than was there and came in,
//! however many threads take part. A place is either in the vault, which all share, or in the till of
//! a shard.
//!
//! - *A deposit* fills places of its own till. If there are too few it is laid down beside the till, as
//!   income that is yet to be settled, and says so where all can see it.
//! - *A withdrawal* first settles what is to be settled. It takes the tokens of its own till; where
//!   they do not suffice, those of the vault, and leaves the places that it emptied in its till, where
//!   its thread's next deposits will want them; where those do not suffice, it first moves all tills
//!   to the vault, and refuses only then.
//! - *Settling* collects the income of all shards and the reserve that is due, and fills places with it:
//!   first those of the vault, then those of all tills. What finds none is lost: the bucket is full.
//! - *A refund* comes in as a deposit does.
//!
//! A plain bucket caps its balance after each deposit, this one only when it settles. The two agree
//! because everything that comes in is positive, and capping a sum of positive amounts once gives the
//! same as capping it after each: `min(c, min(c, b + x) + y) = min(c, b + x + y)`. Nothing goes out
//! before it is settled, for it would make room for what ought to be lost; that holds for the reserve,
//! too, so a withdrawal must know the time. So for one thread this bucket *is* the plain one.
//!
//! Threads that meet can miss what another one has in its hands: a token, and one is refused although
//! it is about to arrive; a place, and income is lost that would have filled it; income that ought to
//! be lost, and it finds a place that was emptied only now. No token and no place is made by that.

use std::time::Duration;

use tower_steady_core::shard::Padded;

use crate::sync::{AtomicBool, AtomicU64, Ordering};
use crate::tally::{self, Change, Reading, Tally};
use crate::till::Till;
use crate::vault::Vault;

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

/// A lock-free token bucket whose deposits neither contend nor read a clock, and whose withdrawals do
/// not contend either while their thread's deposits pay for them.
#[derive(Debug)]
pub(crate) struct Bucket {
    capacity: u64,
    initial: u64,
    reserve: u64,
    shards: [Padded<Shard>; SHARDS],
    vault: Padded<Vault>,
    signs: Padded<Signs>,
}

/// What only threads that share it write, in a line of the cache of its own.
#[derive(Debug)]
struct Shard {
    till: Till,
    /// What came in and is not settled yet.
    income: AtomicU64,
    tally: Tally,
}

/// What every withdrawal reads and few things write.
#[derive(Debug)]
struct Signs {
    /// Whether a shard has income.
    unsettled: AtomicBool,
    /// How much of the reserve has been paid in, of all that ever came due.
    reserved: AtomicU64,
}

impl Bucket {
    pub(crate) fn new(limits: Limits) -> Self {
        let Limits {
            capacity, reserve, ..
        } = limits;
        let initial = limits.initial.min(capacity);
        Self {
            capacity,
            initial,
            reserve,
            shards: std::array::from_fn(|_| {
                Padded(Shard {
                    till: Till::new(),
                    income: AtomicU64::new(0),
                    tally: Tally::default(),
                })
            }),
            vault: Padded(Vault::new(initial, capacity - initial)),
            signs: Padded(Signs {
                unsettled: AtomicBool::new(false),
                reserved: AtomicU64::new(0),
            }),
        }
    }

    /// Whether [`Bucket::withdraw`] needs to know the time.
    pub(crate) const fn keeps_time(&self) -> bool {
        self.reserve > 0
    }

    /// Pays in. `shard`, here and below, is any number below [`SHARDS`]: threads with different ones
    /// contend for the vault alone.
    #[inline]
    pub(crate) fn deposit(&self, shard: usize, amount: u64) {
        self.pay_in(self.shard(shard), amount);
    }

    /// Takes `cost` if the balance reaches it and lies above `above`; else says what the balance is.
    pub(crate) fn withdraw(
        &self,
        shard: usize,
        cost: u64,
        above: Option<u64>,
        now: Duration,
    ) -> Result<(), u64> {
        let shard = self.shard(shard);
        let change = shard.tally.begin();
        self.settle(&change, now);
        // The till does not know whether the balance lies above something.
        let result = if above.is_none() && shard.till.spend(cost) {
            Ok(())
        } else {
            let least = above.map_or(cost, |above| cost.max(above.saturating_add(1)));
            self.pay(&shard.till, cost, least)
        };
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
        self.settle(&change, now);
        let mut taken = self.vault.0.drain(amount);
        if taken < amount {
            self.empty_tills();
            taken += self.vault.0.drain(amount - taken);
        }
        change.lost(taken);
        change.fined();
    }

    /// Gives back what a [`Bucket::withdraw`] took.
    pub(crate) fn refund(&self, shard: usize, amount: u64) {
        let shard = self.shard(shard);
        let change = shard.tally.begin();
        if !self.pay_in(shard, amount) {
            change.lost(amount);
        }
        change.returned(amount);
    }

    /// Balance and tally of one moment.
    pub(crate) fn read(&self, now: Duration) -> Reading {
        let shards = self.shards.iter().map(|Padded(shard)| shard);
        let reading = tally::read(shards.clone().map(|shard| &shard.tally), || {
            let funds = self.due(now).saturating_add(self.vault.0.tokens());
            shards.clone().fold(funds, |sum, shard| {
                let income = shard.income.load(Ordering::Acquire);
                sum.saturating_add(income)
                    .saturating_add(shard.till.tokens())
            })
        });
        Reading {
            balance: reading.balance.min(self.capacity),
            deposited: reading.deposited.wrapping_sub(self.initial),
            ..reading
        }
    }

    pub(crate) const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// False if the bucket has no use for it.
    #[inline]
    fn pay_in(&self, shard: &Shard, amount: u64) -> bool {
        if shard.till.fill(amount) {
            return true;
        }
        // A shard whose income fills the bucket all by itself has no use for more, and so cannot run
        // over either.
        if shard.income.load(Ordering::Relaxed) >= self.capacity {
            return false;
        }
        // Whoever finds income there already need not say so: it has been said, and if it has been
        // unsaid since by one who is about to collect, that one will find all of it.
        if shard.income.fetch_add(amount, Ordering::AcqRel) == 0 {
            // A swap, for it is ordered with the other one by all that read it.
            self.signs.0.unsettled.swap(true, Ordering::AcqRel);
        }
        true
    }

    /// Whether nothing that came in, nor anything that came due, is yet to find its place.
    #[inline]
    fn is_settled(&self, now: Duration) -> bool {
        !self.signs.0.unsettled.load(Ordering::Acquire) && self.due(now) == 0
    }

    #[inline]
    fn settle(&self, change: &Change<'_>, now: Duration) {
        if !self.is_settled(now) {
            self.place(self.claim(now).saturating_add(self.collect()), change);
        }
    }

    fn place(&self, income: u64, change: &Change<'_>) {
        let mut homeless = income - self.vault.0.fill(income);
        if homeless > 0 {
            for Padded(shard) in &self.shards {
                self.vault.0.put(0, shard.till.recall());
            }
            homeless -= self.vault.0.fill(homeless);
            change.lost(homeless);
        }
    }

    fn pay(&self, till: &Till, cost: u64, least: u64) -> Result<(), u64> {
        let vault = &self.vault.0;
        vault.pay(cost, least).or_else(|_| {
            self.empty_tills();
            vault.pay(cost, least)
        })?;
        vault.put(0, cost - till.top_up(cost));
        Ok(())
    }

    fn empty_tills(&self) {
        for Padded(shard) in &self.shards {
            let content = shard.till.empty();
            self.vault.0.put(content.tokens.into(), content.room.into());
        }
    }

    /// Takes what lies beside the tills.
    fn collect(&self) -> u64 {
        let unsettled = &self.signs.0.unsettled;
        if !unsettled.load(Ordering::Acquire) || !unsettled.swap(false, Ordering::AcqRel) {
            return 0;
        }
        let incomes = self.shards.iter().map(|Padded(shard)| &shard.income);
        incomes.fold(0, |sum, income| {
            // A look first: most shards have none, and writing would take the line from its thread.
            if income.load(Ordering::Relaxed) == 0 {
                return sum;
            }
            sum.saturating_add(income.swap(0, Ordering::AcqRel))
        })
    }

    /// The reserve that is due and was not paid in yet.
    fn due(&self, now: Duration) -> u64 {
        credited(self.reserve, now).saturating_sub(self.signs.0.reserved.load(Ordering::Acquire))
    }

    /// Takes the reserve that is due.
    fn claim(&self, now: Duration) -> u64 {
        if self.due(now) == 0 {
            return 0;
        }
        // One atomic step, so that nothing is claimed twice however many threads come by.
        let credited = credited(self.reserve, now);
        let reserved = &self.signs.0.reserved;
        credited.saturating_sub(reserved.fetch_max(credited, Ordering::AcqRel))
    }

    fn shard(&self, shard: usize) -> &Shard {
        &self.shards[shard % SHARDS].0
    }
}

/// All that a rate has brought in by `now`, rounded down. Taking differences of this instead of
/// rounding each span loses nothing, however often it is asked.
fn credited(per_second: u64, now: Duration) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    // A rate is at most 10¹⁰, so the product stays below 10¹⁹ and fits.
    let fraction = per_second * u64::from(now.subsec_nanos()) / SECOND;
    per_second
        .saturating_mul(now.as_secs())
        .saturating_add(fraction)
}
