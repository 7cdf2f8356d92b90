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

/// The pauses of a layer, each key as of one moment.
///
/// With the feature `serde` it serialises field by field.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PauseSnapshot {
    /// The keys that are paused or paced, as `Debug` prints them, in its order.
    pub keys: Vec<PausedKey<String>>,
}

/// A key that is paused or paced.
///
/// With the feature `serde` it serialises field by field, `left` as `left_ms` in milliseconds.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PausedKey<Q> {
    /// The key.
    pub key: Q,
    /// The time left of the pause; none while calls are released after it.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "left_ms",
            serialize_with = "tower_steady_core::event::serialize_millis"
        )
    )]
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

    /// The same with each key as text, for whoever does not know its type.
    #[must_use]
    pub fn snapshot(&self) -> PauseSnapshot {
        let keys = self.keys().into_iter();
        let mut keys: Vec<_> = keys
            .map(|paused| PausedKey {
                key: format!("{:?}", paused.key),
                left: paused.left,
                rate: paused.rate,
                waiting: paused.waiting,
            })
            .collect();
        keys.sort_by(|one, other| one.key.cmp(&other.key));
        PauseSnapshot { keys }
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
