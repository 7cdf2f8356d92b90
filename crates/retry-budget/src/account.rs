//! A budget as layers and handles see it: rules, tokens, clock and events.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tower_steady_core::shard::{self, Padded};
use tower_steady_core::{Attempt, Class, Veto, VetoReason};

use crate::bucket::{Bucket, SHARDS};
use crate::episode::Episode;
use crate::events;
#[cfg(feature = "tower")]
use crate::foreign::Foreign;
use crate::metrics::{Level, Meters};
use crate::tally::Reading;
use crate::tokens;
use crate::window::Window;

/// What comes in and goes out, in micro-tokens.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) deposit: u64,
    pub(crate) return_last_cost: bool,
    pub(crate) free_when_asked: bool,
    /// Where the class is not known.
    pub(crate) cost: u64,
    pub(crate) costs: [u64; Class::ALL.len()],
    pub(crate) failure_cost: u64,
    pub(crate) above: Option<u64>,
}

impl Rule {
    /// What a retry costs after a failure of `class`.
    pub(crate) fn cost_after(&self, class: Option<Class>) -> u64 {
        class.map_or(self.cost, |class| self.costs[class.index()])
    }

    /// The lowest price of a retry.
    pub(crate) fn least_cost(&self) -> u64 {
        let transient = Class::ALL.into_iter().filter(|class| class.is_transient());
        transient
            .map(|class| self.costs[class.index()])
            .fold(self.cost, u64::min)
    }

    fn brings(&self, attempt: Attempt) -> u64 {
        if attempt.number < 2 || !self.return_last_cost {
            return self.deposit;
        }
        match attempt.after {
            Some(class) => self.cost_after(Some(class)),
            None => self.least_cost(),
        }
    }
}

/// Where the tokens are.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one per budget, and a box is a hop per deposit"
)]
pub(crate) enum Store {
    Bucket(Bucket),
    Window(Mutex<Window>),
    #[cfg(feature = "tower")]
    Foreign(Foreign),
}

impl Store {
    pub(crate) fn window(window: Window) -> Self {
        Self::Window(Mutex::new(window))
    }
}

/// One budget, shared by every layer, service, gate and handle of it.
pub(crate) struct Account {
    name: Cow<'static, str>,
    meters: Meters,
    rule: Rule,
    store: Store,
    opened: Instant,
    /// Apart, for it is written while the rest is only read.
    refusals: Padded<Episode>,
}

impl Account {
    pub(crate) fn new(name: Cow<'static, str>, rule: Rule, store: Store) -> Self {
        Self {
            meters: Meters::new(name.clone()),
            name,
            rule,
            store,
            opened: Instant::now(),
            refusals: Padded::default(),
        }
    }

    /// One whose tokens are somebody else's: a retry counts as one token.
    #[cfg(feature = "tower")]
    pub(crate) fn foreign(
        budget: std::sync::Arc<dyn tower::retry::budget::Budget + Send + Sync>,
    ) -> Self {
        let rule = Rule {
            deposit: 0,
            return_last_cost: false,
            free_when_asked: false,
            cost: tokens::TOKEN,
            costs: [tokens::TOKEN; Class::ALL.len()],
            failure_cost: 0,
            above: None,
        };
        let store = Store::Foreign(Foreign::new(budget));
        Self::new(Cow::Borrowed("foreign"), rule, store)
    }

    pub(crate) fn rule(&self) -> &Rule {
        &self.rule
    }

    /// A try has succeeded.
    pub(crate) fn success(&self, attempt: Attempt) {
        self.deposit(self.rule.brings(attempt));
        self.meters.paid_in(|| self.level());
    }

    pub(crate) fn deposit(&self, amount: u64) {
        match &self.store {
            Store::Bucket(bucket) => bucket.deposit(own_shard(), amount),
            Store::Window(window) => {
                let now = self.now();
                lock(window).deposit(amount, now);
            }
            #[cfg(feature = "tower")]
            Store::Foreign(budget) => budget.deposit(),
        }
    }

    /// A try has failed in a way that counts.
    pub(crate) fn failure(&self) {
        if let (1.., Store::Bucket(bucket)) = (self.rule.failure_cost, &self.store) {
            let now = time_for(bucket, || self.now());
            bucket.fine(own_shard(), self.rule.failure_cost, now);
            self.meters.moved(|| self.level());
        }
    }

    /// Takes the price of one retry, or says why not. `now` is asked where the time matters.
    pub(crate) fn take(&self, cost: u64, now: impl Fn() -> Duration) -> Result<(), Veto> {
        let result = match &self.store {
            Store::Bucket(bucket) => bucket
                .withdraw(own_shard(), cost, self.rule.above, time_for(bucket, &now))
                .map_err(Some),
            Store::Window(window) => {
                let now = now();
                lock(window).withdraw(cost, now).map_err(Some)
            }
            #[cfg(feature = "tower")]
            Store::Foreign(budget) => budget.withdraw(cost).map_err(|()| None),
        };
        match result {
            Ok(()) => {
                self.meters.granted(|| self.level());
                self.granted(now);
                Ok(())
            }
            Err(balance) => {
                self.meters.denied(|| self.level());
                Err(self.refused(cost, balance, now()))
            }
        }
    }

    /// Gives back what one [`Account::take`] took.
    pub(crate) fn give_back(&self, cost: u64) {
        match &self.store {
            Store::Bucket(bucket) => bucket.refund(own_shard(), cost),
            Store::Window(window) => {
                let now = self.now();
                lock(window).refund(cost, now);
            }
            #[cfg(feature = "tower")]
            Store::Foreign(_) => {}
        }
        self.meters.returned(|| self.level());
    }

    pub(crate) fn read(&self) -> Reading {
        match &self.store {
            Store::Bucket(bucket) => bucket.read(time_for(bucket, || self.now())),
            Store::Window(window) => {
                let now = self.now();
                lock(window).read(now)
            }
            #[cfg(feature = "tower")]
            Store::Foreign(budget) => budget.read(),
        }
    }

    /// Whether the balance is known: a foreign budget keeps it to itself.
    pub(crate) fn knows_balance(&self) -> bool {
        match &self.store {
            Store::Bucket(_) | Store::Window(_) => true,
            #[cfg(feature = "tower")]
            Store::Foreign(_) => false,
        }
    }

    pub(crate) fn name(&self) -> &Cow<'static, str> {
        &self.name
    }

    /// The most tokens there can be, where that is bounded.
    pub(crate) fn capacity(&self) -> Option<u64> {
        match &self.store {
            Store::Bucket(bucket) => Some(bucket.capacity()),
            _ => None,
        }
    }

    /// The balance, where it is known, and whether it can grow no further.
    fn level(&self) -> Option<Level> {
        if !self.knows_balance() {
            return None;
        }
        let balance = self.read().balance;
        Some(Level {
            tokens: tokens::to_f64(balance),
            full: self.capacity().is_some_and(|most| balance >= most),
        })
    }

    /// What the clock says, as time since the budget was opened.
    pub(crate) fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    /// The same for a time that somebody else has read off the clock.
    pub(crate) fn at(&self, now: std::time::Instant) -> Duration {
        now.saturating_duration_since(self.opened.into_std())
    }

    fn granted(&self, now: impl Fn() -> Duration) {
        if self.refusals.0.is_open()
            && let Some(denied) = self.refusals.0.granted(now())
        {
            events::recovered(&self.name, denied);
        }
    }

    fn refused(&self, cost: u64, balance: Option<u64>, now: Duration) -> Veto {
        let cost = tokens::to_f64(cost);
        let detail = match (
            balance.map(tokens::to_f64),
            self.rule.above.map(tokens::to_f64),
        ) {
            (Some(balance), Some(above)) => {
                format!("balance {balance} tokens, a retry needs more than {above}")
            }
            (Some(balance), None) => format!("balance {balance} tokens, a retry costs {cost}"),
            (None, _) => String::from("refused by the budget"),
        };
        if self.refusals.0.refused(now) {
            events::exhausted(&self.name, balance.map(tokens::to_f64), cost);
        }
        Veto::new(VetoReason::Budget).detail(detail)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget")
            .field("name", &self.name)
            .field("state", &self.read())
            .finish_non_exhaustive()
    }
}

/// A clock read costs as much as all the rest, so there is none where time brings nothing in.
fn time_for(bucket: &Bucket, now: impl Fn() -> Duration) -> Duration {
    if bucket.keeps_time() {
        now()
    } else {
        Duration::ZERO
    }
}

/// The running thread's shard of a bucket.
fn own_shard() -> usize {
    shard::index(SHARDS)
}

/// Nothing in there can panic half-way, so a poisoned lock guards sound data.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
