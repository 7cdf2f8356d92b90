use tower_steady_core::shard::{self, Padded};

use crate::state::WindowCounts;
use crate::sync::{AtomicU64, Ordering};
use crate::tick::Tick;
use crate::width::Width;

/// Buckets in a rolling window. The oldest leaves as a whole, so the window is between nine and ten
/// tenths of its nominal length.
pub(crate) const BUCKETS: u64 = 10;

/// Which bucket-wide stretch of time an event falls into.
///
/// A later generation's slots lie more than a window ahead of all earlier ones. So a window starts
/// empty in every generation without being cleared, and a straggler of an earlier one that comes to
/// write late cannot reach it: both by arithmetic, with no ordering between threads to get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u64);

impl Slot {
    /// `width`: of a bucket.
    #[inline]
    pub(crate) fn new(now: Tick, width: Width, generation: u64) -> Self {
        Self(
            width
                .fits_into(now.0)
                .wrapping_add(generation.wrapping_mul(BUCKETS + 1)),
        )
    }

    const fn bucket(self) -> usize {
        (self.0 % BUCKETS) as usize
    }
}

/// The calls of a window that succeeded in time: most of them, so they are counted by each thread in
/// a shard of its own, without a lock.
#[derive(Debug)]
pub(crate) struct GoodCalls([Padded<Shard>; SHARDS]);

/// A constant, so that a thread finds its shard without a division; few where every interleaving of
/// their accesses is explored.
pub(crate) const SHARDS: usize = if cfg!(steady_loom) { 2 } else { shard::COUNT };

/// Fits into one padded line, total and ring together: a success touches one line.
#[derive(Debug)]
struct Shard {
    /// Since the circuit was made.
    total: AtomicU64,
    ring: [AtomicU64; BUCKETS as usize],
}

/// What a bucket of a shard holds, in one atomic word: the lower 36 bits of its slot, and 28 of count.
///
/// A thread's buckets stay as they are while it makes no calls. A slot has the bits of another again
/// after two years of buckets as short as a millisecond, and a count that is full stays so.
#[derive(Clone, Copy)]
struct Bucket(u64);

const COUNT_BITS: u32 = 28;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

impl Bucket {
    const fn first(slot: Slot) -> Self {
        Self(slot.0 << COUNT_BITS | 1)
    }

    const fn count(self) -> u64 {
        self.0 & COUNT
    }

    const fn and_one(self) -> Self {
        let full = self.count() == COUNT;
        Self(if full { self.0 } else { self.0 + 1 })
    }

    /// By how many slots its own is later than `slot`; a very large number where it is earlier.
    const fn slots_after(self, slot: Slot) -> u64 {
        self.0.wrapping_sub(slot.0 << COUNT_BITS) >> COUNT_BITS
    }
}

impl Shard {
    fn add(&self, slot: Slot) {
        let bucket = &self.ring[slot.bucket()];
        let mut seen = Bucket(bucket.load(Ordering::Relaxed));
        loop {
            let next = match seen.slots_after(slot) {
                0 => seen.and_one(),
                // The window has moved on without this call.
                1..AHEAD if seen.count() > 0 => return,
                _ => Bucket::first(slot),
            };
            match bucket.compare_exchange_weak(seen.0, next.0, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => seen = Bucket(now),
            }
        }
    }
}

/// A bucket that is ahead by fewer slots than this has been taken over by a thread with a later clock;
/// one that seems further ahead is behind.
const AHEAD: u64 = 1 << 16;

impl GoodCalls {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        let shard = || Shard {
            total: zero(),
            ring: std::array::from_fn(|_| zero()),
        };
        Self(std::array::from_fn(|_| Padded(shard())))
    }

    /// Counts one call, in the window too where there is one.
    #[inline]
    pub(crate) fn add(&self, shard: usize, slot: Option<Slot>) {
        let Padded(shard) = &self.0[shard % SHARDS];
        // Relaxed here and below: sums of counters, nothing is published with them.
        shard.total.fetch_add(1, Ordering::Relaxed);
        if let Some(slot) = slot {
            shard.add(slot);
        }
    }

    /// Counts one call in the window that is not over yet.
    pub(crate) fn note(&self, shard: usize, slot: Slot) {
        self.0[shard % SHARDS].0.add(slot);
    }

    /// The calls in the window that ends with `slot`.
    pub(crate) fn within(&self, slot: Slot) -> u64 {
        let oldest = Slot(slot.0.wrapping_sub(BUCKETS - 1));
        let buckets = self.0.iter().flat_map(|Padded(shard)| &shard.ring);
        buckets
            .map(|bucket| Bucket(bucket.load(Ordering::Relaxed)))
            // One that is ahead was counted by a thread whose clock read came a moment later.
            .filter(|bucket| bucket.slots_after(oldest) < 2 * BUCKETS)
            .map(Bucket::count)
            .sum()
    }

    /// The calls since the circuit was made.
    pub(crate) fn total(&self) -> u64 {
        let totals = self.0.iter().map(|Padded(shard)| &shard.total);
        totals.map(|total| total.load(Ordering::Relaxed)).sum()
    }
}

/// The calls of a window that failed or were slow: few, so they are kept exactly and behind the lock,
/// as ten buckets and their running total.
#[derive(Debug)]
pub(crate) struct BadCalls {
    newest: Slot,
    buckets: [WindowCounts; BUCKETS as usize],
    total: WindowCounts,
}

impl BadCalls {
    pub(crate) fn new() -> Self {
        Self {
            newest: Slot(0),
            buckets: [WindowCounts::default(); BUCKETS as usize],
            total: WindowCounts::default(),
        }
    }

    /// Moves the window on to end with `slot`; never back. O(1) amortised: a bucket is emptied once
    /// per turn, and ten are all there are however long nothing has happened.
    pub(crate) fn roll(&mut self, slot: Slot) {
        let steps = slot.0.saturating_sub(self.newest.0).min(BUCKETS);
        for step in 0..steps {
            let bucket = &mut self.buckets[Slot(slot.0 - step).bucket()];
            self.total.calls -= bucket.calls;
            self.total.failures -= bucket.failures;
            self.total.slow -= bucket.slow;
            *bucket = WindowCounts::default();
        }
        self.newest = self.newest.max(slot);
    }

    /// Counts one call that failed, was slow, or both; `new`: that is not among the good ones.
    pub(crate) fn add(&mut self, slot: Slot, new: bool, failed: bool, slow: bool) {
        self.roll(slot);
        if self.newest.0 - slot.0 >= BUCKETS {
            // From a thread that was held up for a whole window.
            return;
        }
        let bucket = &mut self.buckets[slot.bucket()];
        for counts in [bucket, &mut self.total] {
            counts.calls += u64::from(new);
            counts.failures += u64::from(failed);
            counts.slow += u64::from(slow);
        }
    }

    pub(crate) const fn total(&self) -> WindowCounts {
        self.total
    }

    pub(crate) const fn newest(&self) -> Slot {
        self.newest
    }
}
