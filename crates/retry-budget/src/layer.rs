use tower_layer::Layer;
use tower_steady_core::Shared;

use crate::account::Account;
use crate::{BudgetHandle, RetryBudget, RetryBudgetBuilder};

/// Funds retries by successes: adds [`RetryBudget`] to a stack.
///
/// All clones of a layer, and all services it makes, share one budget. See the [crate docs](crate).
#[derive(Clone, Debug)]
pub struct RetryBudgetLayer {
    account: Shared<Account>,
}

impl RetryBudgetLayer {
    /// A budget with the [defaults](crate#the-default-size): 0.1 token per success, 1 per retry, a
    /// capacity of 10, full at the start, and a reserve of 0.1 a second.
    #[must_use]
    pub fn new() -> Self {
        Self::valid(RetryBudgetBuilder::default())
    }

    /// Sets it up otherwise.
    pub fn builder() -> RetryBudgetBuilder {
        RetryBudgetBuilder::default()
    }

    /// As gRPC throttles retries: see [`RetryBudgetBuilder::grpc`].
    #[must_use]
    pub fn grpc() -> Self {
        Self::valid(RetryBudgetBuilder::grpc())
    }

    /// As the AWS SDKs did up to 2025: see [`RetryBudgetBuilder::aws_2_0`].
    #[must_use]
    pub fn aws_2_0() -> Self {
        Self::valid(RetryBudgetBuilder::aws_2_0())
    }

    /// As the AWS SDKs do from 2026: see [`RetryBudgetBuilder::aws_2_1`].
    #[must_use]
    pub fn aws_2_1() -> Self {
        Self::valid(RetryBudgetBuilder::aws_2_1())
    }

    /// As Finagle does: see [`RetryBudgetBuilder::finagle`].
    #[must_use]
    pub fn finagle() -> Self {
        Self::valid(RetryBudgetBuilder::finagle())
    }

    /// Puts any budget that speaks tower's trait in place of ours.
    ///
    /// The trait knows one price and no refund: costs by class do not apply, and a retry that was
    /// granted but not sent stays paid.
    #[cfg(feature = "tower")]
    #[must_use]
    pub fn from_budget(
        budget: std::sync::Arc<dyn tower::retry::budget::Budget + Send + Sync>,
    ) -> Self {
        Self::open(Account::foreign(budget))
    }

    /// Reads and feeds the budget from outside.
    #[must_use]
    pub fn handle(&self) -> BudgetHandle {
        BudgetHandle::new(self.account.state())
    }

    pub(crate) fn open(account: Account) -> Self {
        Self {
            account: Shared::new(account),
        }
    }

    /// For the defaults and presets, which are valid: a test builds all of them.
    fn valid(builder: RetryBudgetBuilder) -> Self {
        builder.build().expect("a preset is a valid configuration")
    }
}

impl Default for RetryBudgetLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RetryBudgetLayer {
    type Service = RetryBudget<S>;

    fn layer(&self, inner: S) -> RetryBudget<S> {
        RetryBudget::new(inner, self.account.clone())
    }
}
