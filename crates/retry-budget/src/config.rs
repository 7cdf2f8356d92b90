use std::borrow::Cow;
use std::time::Duration;

use tower_steady_core::{Class, ConfigError};

use crate::RetryBudgetLayer;
use crate::account::{Account, Rule, Store};
use crate::bucket::{Bucket, Limits};
use crate::tokens;
use crate::window::Window;

/// The highest reserve: more would not be small.
const MOST_PER_SECOND: f64 = 10_000.0;

/// Configures a [`RetryBudgetLayer`]. All amounts are tokens, kept to the millionth.
#[derive(Clone, Debug)]
#[must_use = "call `build`"]
pub struct RetryBudgetBuilder {
    name: Cow<'static, str>,
    deposit: f64,
    return_last_cost: bool,
    free_when_asked: bool,
    cost: f64,
    costs: [Option<f64>; Class::ALL.len()],
    capacity: Option<f64>,
    initial: Option<f64>,
    reserve_per_second: f64,
    failure_cost: f64,
    retry_above: Option<f64>,
    ttl: Option<Duration>,
}

/// The defaults that the [crate's front page](crate) derives.
impl Default for RetryBudgetBuilder {
    fn default() -> Self {
        Self {
            name: Cow::Borrowed("default"),
            deposit: 0.1,
            return_last_cost: false,
            free_when_asked: false,
            cost: 1.0,
            costs: [None; Class::ALL.len()],
            capacity: None,
            initial: None,
            reserve_per_second: 0.1,
            failure_cost: 0.0,
            retry_above: None,
            ttl: None,
        }
    }
}

impl RetryBudgetBuilder {
    /// How much a capacity is, where none is given.
    const CAPACITY: f64 = 10.0;

    /// gRPC's retry throttling ([proposal A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md)):
    /// a bucket of 10 tokens that a success fills by 0.1 and a failed try drains by 1; retries only
    /// while it is more than half full. They cost nothing themselves, and time brings nothing in.
    pub fn grpc() -> Self {
        Self {
            cost: 0.0,
            failure_cost: 1.0,
            retry_above: Some(5.0),
            ..Self::bucket(10.0, 0.1)
        }
    }

    /// The AWS SDKs' standard retry mode, as specified up to 2025: 500 tokens; a retry costs 5, after
    /// a timeout or a transport failure 10; a first try that succeeds brings 1 and a retry that
    /// succeeds the price it was sold at.
    ///
    /// A full bucket is 100 free retries, which misses this crate's bound for short outages by far
    /// unless the process makes more than 130 calls a second.
    pub fn aws_2_0() -> Self {
        let aws = Self {
            return_last_cost: true,
            cost: 5.0,
            ..Self::bucket(500.0, 1.0)
        };
        aws.cost_of(Class::Timeout, 10.0)
            .cost_of(Class::Transport, 10.0)
    }

    /// The same as revised in 2026 ("Retry Behavior 2.1"): a retry costs 14, after a rate limit 5.
    pub fn aws_2_1() -> Self {
        let aws = Self {
            return_last_cost: true,
            cost: 14.0,
            ..Self::bucket(500.0, 1.0)
        };
        aws.cost_of(Class::RateLimited, 5.0)
    }

    /// Finagle's `RetryBudget`: a success brings 0.2, 10 retries a second are free, and both deposits
    /// and withdrawals are forgotten after 10 s.
    pub fn finagle() -> Self {
        Self {
            deposit: 0.2,
            reserve_per_second: 10.0,
            ttl: Some(Duration::from_secs(10)),
            ..Self::default()
        }
    }

    fn bucket(capacity: f64, deposit: f64) -> Self {
        Self {
            deposit,
            capacity: Some(capacity),
            reserve_per_second: 0.0,
            ..Self::default()
        }
    }

    /// What events call this budget, in their field `name`. Default `default`.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// What a success brings. Default 0.1: one retry for ten successes.
    pub fn deposit(mut self, tokens: f64) -> Self {
        self.deposit = tokens;
        self
    }

    /// Whether the success of a *retry* brings the price of that retry instead of the deposit.
    /// Default false.
    ///
    /// The price is known where the retry layer says in [`Attempt::after`] what the try before came
    /// to; where it does not, the lowest price is given, so that never more comes back than went out.
    ///
    /// [`Attempt::after`]: tower_steady_core::Attempt::after
    pub fn return_last_cost(mut self, yes: bool) -> Self {
        self.return_last_cost = yes;
        self
    }

    /// What a retry costs. Default 1.
    pub fn cost(mut self, tokens: f64) -> Self {
        self.cost = tokens;
        self
    }

    /// What a retry costs after a failure of this class, in place of [`cost`](Self::cost).
    pub fn cost_of(mut self, class: Class, tokens: f64) -> Self {
        self.costs[class.index()] = Some(tokens);
        self
    }

    /// The most that can be saved up; what comes in beyond it is lost. Default 10; 0 means no retries.
    pub fn capacity(mut self, tokens: f64) -> Self {
        self.capacity = Some(tokens);
        self
    }

    /// What is there at the start. Default: the capacity.
    pub fn initial(mut self, tokens: f64) -> Self {
        self.initial = Some(tokens);
        self
    }

    /// What comes in every second whatever happens, so that a process that makes few calls can retry
    /// too. Default 0.1; at most 10 000.
    pub fn reserve_per_second(mut self, tokens: f64) -> Self {
        self.reserve_per_second = tokens;
        self
    }

    /// What every failed try takes by itself, retried or not, as far as there is any: gRPC's way of
    /// counting. Counts tries of a transient class, and those that the server asks not to repeat.
    /// Default 0.
    pub fn failure_cost(mut self, tokens: f64) -> Self {
        self.failure_cost = tokens;
        self
    }

    /// Retries only while the balance lies above this. Default: whenever it reaches the cost.
    pub fn retry_above(mut self, tokens: f64) -> Self {
        self.retry_above = Some(tokens);
        self
    }

    /// Makes a retry free after a rate limit that names its wait: the server itself has asked for it,
    /// at a time of its choosing. So a crowd that is refused together before it has had a success to
    /// pay from is served all the same. Best with a pause in the stack, which keeps the crowd from
    /// coming back at once. Default: no. Not together with
    /// [`return_last_cost`](Self::return_last_cost), which would give back what was never paid.
    pub fn free_when_asked(mut self, yes: bool) -> Self {
        self.free_when_asked = yes;
        self
    }

    /// Makes it a leaky bucket in the manner of Finagle: what came in and what went out are both
    /// forgotten after this time (to a tenth of it), there is no capacity, and the reserve is a
    /// constant `reserve_per_second` × `ttl` on top. 1 s to 60 s. Default: nothing is forgotten.
    ///
    /// Its deposits must know the time: they read the clock and take a short lock, which the default
    /// does without.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The layer, with a budget of its own that all its clones and services share.
    ///
    /// # Errors
    ///
    /// Refuses an amount that is negative, above 10⁹, not a number or, without being 0, less than
    /// half a millionth; a capacity above 0 that lies below every cost; an initial balance or a
    /// threshold above the capacity; a time to live out of range; and one together with a setting
    /// that a leaky bucket does not know.
    pub fn build(self) -> Result<RetryBudgetLayer, ConfigError> {
        let rule = self.rule()?;
        let store = match self.ttl {
            Some(ttl) => Store::window(self.window(ttl)?),
            None => Store::Bucket(Bucket::new(self.limits(&rule)?)),
        };
        Ok(RetryBudgetLayer::open(Account::new(self.name, rule, store)))
    }

    fn rule(&self) -> Result<Rule, ConfigError> {
        if self.free_when_asked && self.return_last_cost {
            return Err(ConfigError::new(
                "free_when_asked",
                "must not be set together with `return_last_cost`",
            ));
        }
        let cost = tokens::from_f64("cost", self.cost)?;
        let mut costs = [cost; Class::ALL.len()];
        for (cost, set) in costs.iter_mut().zip(self.costs) {
            if let Some(set) = set {
                *cost = tokens::from_f64("cost_of", set)?;
            }
        }
        let above = self
            .retry_above
            .map(|above| tokens::from_f64("retry_above", above));
        Ok(Rule {
            deposit: tokens::from_f64("deposit", self.deposit)?,
            return_last_cost: self.return_last_cost,
            free_when_asked: self.free_when_asked,
            cost,
            costs,
            failure_cost: tokens::from_f64("failure_cost", self.failure_cost)?,
            above: above.transpose()?,
        })
    }

    fn limits(&self, rule: &Rule) -> Result<Limits, ConfigError> {
        let asked = self.capacity.unwrap_or(Self::CAPACITY);
        let capacity = tokens::from_f64("capacity", asked)?;
        let least = rule.least_cost();
        if capacity > 0 && capacity < least {
            return Err(ConfigError::new(
                "capacity",
                format!(
                    "must be 0 or at least the lowest cost of {}, got {asked}",
                    tokens::to_f64(least)
                ),
            ));
        }
        let initial = match self.initial {
            Some(initial) => tokens::from_f64("initial", initial)?,
            None => capacity,
        };
        if initial > capacity {
            return Err(ConfigError::new(
                "initial",
                format!(
                    "must be at most the capacity of {asked}, got {}",
                    tokens::to_f64(initial)
                ),
            ));
        }
        if rule.above.is_some_and(|above| above >= capacity) {
            return Err(ConfigError::new(
                "retry_above",
                format!("must be below the capacity of {asked}"),
            ));
        }
        Ok(Limits {
            capacity,
            initial,
            reserve: self.reserve()?,
        })
    }

    fn window(&self, ttl: Duration) -> Result<Window, ConfigError> {
        if ttl < Duration::from_secs(1) || ttl > Duration::from_secs(60) {
            return Err(ConfigError::new(
                "ttl",
                format!("must be from 1 s to 60 s, got {ttl:?}"),
            ));
        }
        let foreign = [
            ("capacity", self.capacity.is_some()),
            ("initial", self.initial.is_some()),
            ("retry_above", self.retry_above.is_some()),
            ("failure_cost", self.failure_cost != 0.0),
        ];
        if let Some((field, _)) = foreign.into_iter().find(|(_, set)| *set) {
            return Err(ConfigError::new(
                field,
                "must not be set together with `ttl`",
            ));
        }
        let reserve = u128::from(self.reserve()?) * ttl.as_nanos() / 1_000_000_000;
        Ok(Window::new(ttl, u64::try_from(reserve).unwrap_or(u64::MAX)))
    }

    fn reserve(&self) -> Result<u64, ConfigError> {
        let reserve = tokens::from_f64("reserve_per_second", self.reserve_per_second)?;
        if self.reserve_per_second > MOST_PER_SECOND {
            return Err(ConfigError::new(
                "reserve_per_second",
                format!(
                    "must be at most {MOST_PER_SECOND}, got {}",
                    self.reserve_per_second
                ),
            ));
        }
        Ok(reserve)
    }
}
