use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of seeds: every call that needs randomness draws one and makes its own generator from
/// it, so that no two calls share a sequence of delays and none waits for another's lock.
///
/// Seeded it repeats exactly, in the order of the draws. The mixing function is `SplitMix64`
/// (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
#[derive(Debug)]
pub struct Seeds(AtomicU64);

impl Seeds {
    const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

    /// Seeds that repeat.
    #[must_use]
    pub const fn fixed(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Seeds from the operating system's randomness.
    #[must_use]
    pub fn random() -> Self {
        // RandomState is keyed per process and thread from the system's entropy.
        Self::fixed(RandomState::new().build_hasher().finish())
    }

    /// The next seed.
    #[must_use]
    pub fn draw(&self) -> u64 {
        // Relaxed: each draw needs a number of its own and no order towards anything else.
        let state = self.0.fetch_add(Self::GOLDEN_GAMMA, Ordering::Relaxed);
        let mut mixed = state.wrapping_add(Self::GOLDEN_GAMMA);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Default for Seeds {
    fn default() -> Self {
        Self::random()
    }
}
