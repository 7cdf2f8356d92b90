//! Somebody else's budget in place of ours.

use std::sync::Arc;
use std::{fmt, iter};

use tower::retry::budget::Budget;

use crate::BudgetHandle;
use crate::tally::{self, Reading, Tally};

/// A budget of which only tower's trait is known: one price, no balance, no refund.
pub(crate) struct Foreign {
    budget: Arc<dyn Budget + Send + Sync>,
    tally: Tally,
}

impl Foreign {
    pub(crate) fn new(budget: Arc<dyn Budget + Send + Sync>) -> Self {
        Self {
            budget,
            tally: Tally::default(),
        }
    }

    pub(crate) fn deposit(&self) {
        self.budget.deposit();
    }

    pub(crate) fn withdraw(&self, cost: u64) -> Result<(), ()> {
        let granted = self.budget.withdraw();
        let change = self.tally.begin();
        if granted {
            change.granted(cost);
            Ok(())
        } else {
            change.denied();
            Err(())
        }
    }

    pub(crate) fn read(&self) -> Reading {
        tally::read(iter::once(&self.tally), || 0)
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreign").finish_non_exhaustive()
    }
}

/// The budget for tower's own retry policies: a deposit is what a first success brings, a withdrawal
/// what a retry costs.
impl Budget for BudgetHandle {
    fn deposit(&self) {
        Self::deposit(self);
    }

    fn withdraw(&self) -> bool {
        Self::withdraw(self)
    }
}
