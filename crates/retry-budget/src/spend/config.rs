use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_steady_core::ConfigError;

use super::SpendLayer;
use super::book::{Book, CostFn};
use super::cost::{RequestInfo, Unit, input_tokens};
use super::ledger::{Ledger, Limits};

/// Configures a [`SpendLayer`]. All amounts are in its [`Unit`].
#[derive(Clone)]
#[must_use = "call `build`"]
pub struct SpendBuilder {
    name: Cow<'static, str>,
    unit: Unit,
    cost: CostFn,
    limits: Limits,
}

impl Default for SpendBuilder {
    fn default() -> Self {
        Self {
            name: Cow::Borrowed("default"),
            unit: Unit::default(),
            cost: Arc::new(input_tokens),
            limits: Limits {
                per_request: 200_000,
                per_workflow: 1_000_000,
                per_hour: 5_000_000,
                max_workflows: 10_000,
                workflow_idle: Duration::from_secs(3600),
            },
        }
    }
}

impl SpendBuilder {
    /// What events call this ledger, in their field `name`. Default `default`.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// What amounts are counted in. A label: it converts nothing. Default [`Unit::Tokens`].
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// What one retry of a request costs. Default [`input_tokens`].
    ///
    /// Runs once for every call, before it is known whether it fails, so it should be quick. A
    /// [`Cost`](super::Cost) among the request's extensions goes before it.
    pub fn cost(mut self, cost: impl Fn(&RequestInfo<'_>) -> u64 + Send + Sync + 'static) -> Self {
        self.cost = Arc::new(cost);
        self
    }

    /// The most that the retries of one request may cost together. Default 200 000, one repeat of a
    /// long prompt; `u64::MAX` is no limit.
    ///
    /// Nothing is kept from one try to the next: earlier retries of a request are taken to have cost
    /// what this one does, which differs where the request was repaired in between.
    pub fn per_request(mut self, most: u64) -> Self {
        self.limits.per_request = most;
        self
    }

    /// The most that the retries of one [`Workflow`](super::Workflow) may cost together. Default
    /// 1 000 000; `u64::MAX` is no limit.
    pub fn per_workflow(mut self, most: u64) -> Self {
        self.limits.per_workflow = most;
        self
    }

    /// The most that all retries within any 60 minutes may cost together. Default 5 000 000;
    /// `u64::MAX` is no limit.
    pub fn per_hour(mut self, most: u64) -> Self {
        self.limits.per_hour = most;
        self
    }

    /// How many workflows are kept apart at once. Default 10 000. When that many are at work, a
    /// further one gets no retries: a limit that is forgotten would be none.
    pub fn max_workflows(mut self, most: usize) -> Self {
        self.limits.max_workflows = most;
        self
    }

    /// After how long without asking for a retry a workflow is forgotten, and its limit with it.
    /// Default one hour.
    pub fn workflow_idle(mut self, idle: Duration) -> Self {
        self.limits.workflow_idle = idle;
        self
    }

    /// The layer, with a ledger of its own that all its clones and services share.
    ///
    /// # Errors
    ///
    /// Refuses a limit of zero, for no retries at all are had by leaving out the retry layer, no
    /// room for any workflow, and an idle time of zero.
    pub fn build(self) -> Result<SpendLayer, ConfigError> {
        let limits = &self.limits;
        let amounts = [
            ("per_request", limits.per_request),
            ("per_workflow", limits.per_workflow),
            ("per_hour", limits.per_hour),
        ];
        for (field, most) in amounts {
            if most == 0 {
                return Err(ConfigError::new(field, "must be at least 1, got 0"));
            }
        }
        if limits.max_workflows == 0 {
            return Err(ConfigError::new(
                "max_workflows",
                "must be at least 1, got 0",
            ));
        }
        if limits.workflow_idle.is_zero() {
            return Err(ConfigError::new("workflow_idle", "must be above zero"));
        }
        let ledger = Ledger::new(self.limits);
        Ok(SpendLayer::open(Book::new(
            self.name, self.unit, self.cost, ledger,
        )))
    }
}

impl fmt::Debug for SpendBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpendBuilder")
            .field("name", &self.name)
            .field("unit", &self.unit)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
