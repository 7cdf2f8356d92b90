use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::book::Book;
use super::clock;

/// Looks at the pauses of a [`PauseLayer`](super::PauseLayer) and moves them by hand.
///
/// `Q` is what the layer's [`RequestKey`](tower_steady_core::key::RequestKey) makes. Clones see the same.
pub struct PauseHandle<Q> {
    book: Arc<Book<Q>>,
}

/// A key that is paused or paced.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PausedKey<Q> {
    /// The key.
    pub key: Q,
    /// The time left of the pause; none while calls are released after it.
    pub left: Option<Duration>,
    /// How many calls a second are released, now or once the pause ends.
    pub rate: f64,
    /// How many calls wait.
    pub waiting: usize,
}

impl<Q: Clone + Eq + Hash + fmt::Debug> PauseHandle<Q> {
    pub(crate) fn new(book: Arc<Book<Q>>) -> Self {
        Self { book }
    }

    /// The keys that are paused or paced just now, in no order.
    #[must_use]
    pub fn keys(&self) -> Vec<PausedKey<Q>> {
        let now = clock::now();
        self.book
            .all()
            .into_iter()
            .filter_map(|slot| {
                slot.tick(now);
                slot.look(|line| {
                    line.is_engaged().then(|| PausedKey {
                        key: slot.key().clone(),
                        left: line.left(now),
                        rate: line.rate(),
                        waiting: line.waiting(),
                    })
                })
            })
            .collect()
    }

    /// The time left of the pause of `key`; none if it is not paused.
    #[must_use]
    pub fn left(&self, key: &Q) -> Option<Duration> {
        self.book.find(key)?.look(|line| line.left(clock::now()))
    }

    /// Pauses `key` for `wait` from now, or for longer if it is already: for what the program learned
    /// elsewhere, from another process for one. Not bound by `max_pause`. False where too many keys
    /// are kept already, or `wait` is past the end of the clock.
    pub fn pause(&self, key: &Q, wait: Duration) -> bool {
        let now = clock::now();
        let possible = now.checked_add(wait).is_some();
        match self.book.open(key, now) {
            Some(slot) if possible => {
                slot.pause(now, wait);
                true
            }
            _ => false,
        }
    }

    /// Ends the pause of `key`. Who waits is released at the pace it has learned. False if it was not
    /// paused.
    pub fn resume(&self, key: &Q) -> bool {
        let now: Instant = clock::now();
        match self.book.find(key) {
            Some(slot) => slot.resume(now),
            None => false,
        }
    }
}

impl<Q> Clone for PauseHandle<Q> {
    fn clone(&self) -> Self {
        Self {
            book: Arc::clone(&self.book),
        }
    }
}

impl<Q> fmt::Debug for PauseHandle<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PauseHandle")
            .field("book", &self.book)
            .finish()
    }
}
