//! What stands between a failed try and its retry.

use std::fmt;
use std::time::Instant;

use tower_steady_core::{Class, Gate, Lease, Veto};

use crate::account::Account;

/// The price of one retry at one budget.
pub(crate) struct Priced {
    account: Lease<Account>,
    cost: u64,
    class: Option<Class>,
}

impl Priced {
    pub(crate) fn new(account: Lease<Account>, class: Option<Class>) -> Self {
        let cost = account.rule().cost_after(class);
        Self {
            account,
            cost,
            class,
        }
    }
}

impl Gate for Priced {
    fn take(&self, now: Instant) -> Result<(), Veto> {
        self.account.take(self.cost, || self.account.at(now))
    }

    fn give_back(&self) {
        self.account.give_back(self.cost);
    }
}

impl fmt::Debug for Priced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Priced")
            .field("cost", &crate::tokens::to_f64(self.cost))
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}
