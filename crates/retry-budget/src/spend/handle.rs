use std::borrow::Cow;
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
        let (totals, limits) = (ledger.totals(), *ledger.limits());
        let within_hour = ledger.spent_within_hour(now);
        let mut workflows: Vec<_> = ledger
            .lines(now)
            .map(|(workflow, spent)| WorkflowSpend {
                id: workflow.id().to_owned(),
                spent,
            })
            .collect();
        drop(ledger);
        workflows.sort_by(|one, other| {
            let by_spent = other.spent.cmp(&one.spent);
            by_spent.then_with(|| one.id.cmp(&other.id))
        });
        SpendSnapshot {
            name: self.book.name().clone(),
            unit: self.book.unit(),
            spent: totals.spent,
            granted: totals.granted,
            returned: totals.returned,
            denied: totals.denied,
            within_hour,
            per_hour: limited(limits.per_hour),
            per_request: limited(limits.per_request),
            per_workflow: limited(limits.per_workflow),
            workflows,
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

fn limited(most: u64) -> Option<u64> {
    (most < u64::MAX).then_some(most)
}

/// The figures of a spend ledger at one moment. Amounts are in its [`Unit`].
///
/// With the feature `serde` it serialises field by field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SpendSnapshot {
    /// The ledger's name.
    pub name: Cow<'static, str>,
    /// What amounts are counted in.
    pub unit: Unit,
    /// What retries have cost since the start, without those that were given back.
    pub spent: u64,
    /// How many retries were granted.
    pub granted: u64,
    /// How many of them were given back because they were not sent.
    pub returned: u64,
    /// How many retries were refused.
    pub denied: u64,
    /// What of `spent` falls into the last hour (up to 61 minutes).
    pub within_hour: u64,
    /// The limit of `within_hour`; `None` is no limit.
    pub per_hour: Option<u64>,
    /// The limit for the retries of one request; `None` is no limit.
    pub per_request: Option<u64>,
    /// The limit for the retries of one workflow; `None` is no limit.
    pub per_workflow: Option<u64>,
    /// The workflows at work, the dearest first: as many as the layer keeps apart.
    pub workflows: Vec<WorkflowSpend>,
}

/// What the retries of one workflow have cost, in the ledger's [`Unit`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WorkflowSpend {
    /// The workflow's id.
    pub id: String,
    /// What they have cost.
    pub spent: u64,
}
