use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::account::Account;
use crate::tokens;

/// Reads a retry budget, and lets code outside the stack take part in it. Clones share the budget.
#[derive(Clone)]
pub struct BudgetHandle {
    account: Arc<Account>,
}

impl BudgetHandle {
    pub(crate) fn new(account: &Arc<Account>) -> Self {
        Self {
            account: Arc::clone(account),
        }
    }

    /// The tokens there are, or `None` where a foreign budget keeps that to itself.
    #[must_use]
    pub fn balance(&self) -> Option<f64> {
        self.snapshot().balance
    }

    /// The tokens that retries have cost, without those that were given back.
    #[must_use]
    pub fn spent(&self) -> f64 {
        self.snapshot().spent
    }

    /// How many retries were refused.
    #[must_use]
    pub fn denied(&self) -> u64 {
        self.snapshot().denied
    }

    /// All figures as of one moment.
    #[must_use]
    pub fn snapshot(&self) -> BudgetSnapshot {
        let reading = self.account.read();
        let known = |amount| self.account.knows_balance().then(|| tokens::to_f64(amount));
        BudgetSnapshot {
            name: self.account.name().clone(),
            balance: known(reading.balance),
            capacity: self.account.capacity().map(tokens::to_f64),
            deposited: known(reading.deposited),
            granted: reading.granted,
            returned: reading.returned,
            denied: reading.denied,
            spent: tokens::to_f64(reading.spent),
        }
    }

    /// Pays in what a first success brings, for a success that the layer cannot see.
    ///
    /// Not for one that it sees: a success that is paid in twice buys twice the retries.
    pub fn deposit(&self) {
        self.account.deposit(self.account.rule().deposit);
    }

    /// Takes what a retry costs, for a retry that nobody asks the gate for; false if there is not
    /// enough. Nothing is taken then.
    #[must_use = "a retry that is refused must not be sent"]
    pub fn withdraw(&self) -> bool {
        let cost = self.account.rule().cost_after(None);
        self.account.take(cost, || self.account.now()).is_ok()
    }
}

impl fmt::Debug for BudgetHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BudgetHandle").field(&self.account).finish()
    }
}

/// The figures of a retry budget at one moment. Amounts are tokens.
///
/// With the feature `serde` it serialises field by field.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BudgetSnapshot {
    /// The budget's name.
    pub name: Cow<'static, str>,
    /// The tokens there are, or `None` where a foreign budget keeps that to itself.
    pub balance: Option<f64>,
    /// The most tokens there can be; `None` for a foreign budget, and where tokens expire instead.
    pub capacity: Option<f64>,
    /// The tokens that have come in, from successes and as a reserve; `None` for a foreign budget.
    /// What found no room may or may not be among them, nor is the reserve where tokens expire.
    pub deposited: Option<f64>,
    /// How many retries were granted.
    pub granted: u64,
    /// How many of them were given back because they were not sent.
    pub returned: u64,
    /// How many retries were refused.
    pub denied: u64,
    /// The tokens that retries have cost, without those that were given back.
    pub spent: f64,
}
