use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A source of which can be told how many answers it has on hand. All of this crate are; one of your
/// own that keeps none needs no method.
#[diagnostic::on_unimplemented(
    message = "nobody can ask `{Self}` how many answers it keeps",
    label = "not a `Stock`",
    note = "a source of your own that keeps none: `impl Stock for {Self} {{}}`"
)]
pub trait Stock {
    /// How many answers it keeps, those included that have become too old meanwhile.
    fn kept(&self) -> usize {
        0
    }
}

/// Looks at a [`FallbackLayer`](crate::FallbackLayer) from outside. Clones look at the same.
#[derive(Clone)]
pub struct FallbackHandle {
    counts: Arc<Counts>,
    stock: Arc<dyn Stock + Send + Sync>,
}

/// What a fallback has done so far, as of one moment.
///
/// With the feature `serde` it serialises field by field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FallbackSnapshot {
    /// How many calls got a degraded answer.
    pub degraded: u64,
    /// How many calls fell back and found no answer.
    pub unanswered: u64,
    /// How many answers are kept for later.
    pub kept: usize,
    /// Which source has given how many answers, by name.
    pub sources: Vec<SourceSnapshot>,
}

/// What one source has done so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SourceSnapshot {
    /// Its name.
    pub name: String,
    /// How many answers it has given.
    pub answered: u64,
}

/// Counts for a handle. The lock is taken by calls that fall back alone.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    unanswered: u64,
    answered: BTreeMap<Arc<str>, u64>,
}

impl FallbackHandle {
    pub(crate) fn new(counts: Arc<Counts>, stock: Arc<dyn Stock + Send + Sync>) -> Self {
        Self { counts, stock }
    }

    /// All there is to see.
    #[must_use]
    pub fn snapshot(&self) -> FallbackSnapshot {
        let kept = self.stock.kept();
        let counted = self.counts.lock();
        let sources = counted.answered.iter();
        FallbackSnapshot {
            degraded: counted.answered.values().sum(),
            unanswered: counted.unanswered,
            kept,
            sources: sources
                .map(|(name, answered)| SourceSnapshot {
                    name: name.as_ref().to_owned(),
                    answered: *answered,
                })
                .collect(),
        }
    }
}

impl Counts {
    pub(crate) fn answered(&self, source: &Arc<str>) {
        let mut counted = self.lock();
        match counted.answered.get_mut(source) {
            Some(answered) => *answered += 1,
            None => _ = counted.answered.insert(Arc::clone(source), 1),
        }
    }

    pub(crate) fn unanswered(&self) {
        self.lock().unanswered += 1;
    }

    /// Nothing in there can panic half-way, so a poisoned lock guards sound data.
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FallbackHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FallbackHandle")
            .field(&self.snapshot())
            .finish()
    }
}
