//! Which shard of a counter the running thread should touch.
//!
//! A counter that many threads add to is cut into shards, each on its own cache line; a thread keeps
//! to one of them, so that the line stays in its core's cache.

use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    static INDEX: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // Relaxed: any distinct number will do.
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

/// The number of shards that suits most counters: enough for the threads of a common server to be
/// apart, few enough to sum up quickly.
pub const COUNT: usize = 16;

/// The running thread's shard among `count`; threads are dealt out in turn. `count` of 0 counts as 1.
#[must_use]
pub fn index(count: usize) -> usize {
    // A thread that is being torn down has no local any more; any shard is right for it.
    INDEX.try_with(|index| *index).unwrap_or(0) % count.max(1)
}

/// A value with a cache line (or the pair that prefetchers take) to itself.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Padded<T>(pub T);
