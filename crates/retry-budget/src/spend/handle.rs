use std::sync::Arc;

use super::book::Book;
use super::{Unit, Workflow};

/// Reads what retries have cost. Clones share the ledger.
#[derive(Clone, Debug)]
pub struct SpendHandle {
    book: Arc<Book>,
}

impl SpendHandle {
    pub(crate) fn new(book: &Arc<Book>) -> Self {
        Self {
            book: Arc::clone(book),
        }
    }

    /// What amounts are counted in.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.book.unit()
    }

    /// All figures as of one moment.
    #[must_use]
    pub fn snapshot(&self) -> SpendSnapshot {
        let now = self.book.now();
        let mut ledger = self.book.ledger();
        let totals = ledger.totals();
        SpendSnapshot {
            spent: totals.spent,
            within_hour: ledger.spent_within_hour(now),
            granted: totals.granted,
            returned: totals.returned,
            denied: totals.denied,
            workflows: ledger.workflows(),
        }
    }

    /// What the retries of one workflow have cost.
    #[must_use]
    pub fn spent_by(&self, workflow: &Workflow) -> u64 {
        let now = self.book.now();
        self.book.ledger().spent_by(workflow, now)
    }

    /// Forgets a workflow that is finished, and so makes room before it has been idle for long.
    pub fn forget(&self, workflow: &Workflow) {
        self.book.ledger().forget(workflow);
    }
}

/// The figures of a spend ledger at one moment, in its [`Unit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpendSnapshot {
    /// What retries have cost since the start, without those that were given back.
    pub spent: u64,
    /// What of it falls into the last hour (up to 61 minutes).
    pub within_hour: u64,
    /// How many retries were granted.
    pub granted: u64,
    /// How many of them were given back because they were not sent.
    pub returned: u64,
    /// How many retries were refused.
    pub denied: u64,
    /// How many workflows are kept apart.
    pub workflows: usize,
}
