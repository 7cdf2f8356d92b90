use std::time::Duration;

use http::StatusCode;
use tower_steady_core::{Class, ConfigError};

use crate::{Jitter, Schedule};

/// What to do about failures of one class: how long to wait, and how many tries at most.
///
/// The limit counts the tries of a call that ended in a failure under this plan; the layer's total
/// limit holds over all of them.
///
/// ```
/// use std::time::Duration;
/// use tower_steady_backoff_jitter::{Jitter, Plan, Schedule};
///
/// let plan = Plan::new(Schedule::exponential(Duration::from_secs(1)), 3).jitter(Jitter::Equal);
/// // The middle of the range of random numbers: half of the jitter.
/// let delay = plan.delay(2, Duration::ZERO, u64::MAX / 2 + 1);
/// assert_eq!(delay, Duration::from_millis(1500));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    schedule: Schedule,
    max_attempts: u32,
    jitter: Option<Jitter>,
    first_at_once: bool,
}

impl Plan {
    /// A plan of at most `max_attempts` tries, the first one included; 1 never retries.
    #[must_use]
    pub const fn new(schedule: Schedule, max_attempts: u32) -> Self {
        Self {
            schedule,
            max_attempts,
            jitter: None,
            first_at_once: false,
        }
    }

    /// A class that is never retried.
    #[must_use]
    pub const fn never() -> Self {
        Self::new(Schedule::fixed(Duration::ZERO), 1)
    }

    /// The jitter of this plan, in place of the layer's.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = Some(jitter);
        self
    }

    /// The first retry without delay, the schedule from the second on. Good for a connection that
    /// had gone stale in the pool; in an outage it doubles the load for an instant. A server's wait is
    /// obeyed all the same.
    #[must_use]
    pub const fn first_at_once(mut self) -> Self {
        self.first_at_once = true;
        self
    }

    /// How many tries at most, the first one included.
    #[must_use]
    pub const fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// The delay before this retry, counted from 1, where the server asked for none.
    ///
    /// A pure function: `previous` is the delay before the retry before (zero before the first; only
    /// decorrelated jitter looks at it), `random` one number uniform over all of `u64`.
    #[must_use]
    pub fn delay(&self, retry: u32, previous: Duration, random: u64) -> Duration {
        let retry = match self.first_at_once {
            true if retry <= 1 => return Duration::ZERO,
            true => retry - 1,
            false => retry,
        };
        self.kind().delay(&self.schedule, retry, previous, random)
    }

    /// The delay before this retry where the server asked for a wait of `floor`: never shorter, and
    /// `floor + U(0, window)` for every jitter but [`Jitter::None`], which takes the longer of the
    /// two.
    ///
    /// Not `max(floor, delay)`: that is `floor` exactly for everybody once it is longer than the
    /// window, and a crowd that was refused together comes back together.
    #[must_use]
    pub fn delay_after(
        &self,
        floor: Duration,
        retry: u32,
        previous: Duration,
        random: u64,
    ) -> Duration {
        let jitter = self.kind();
        if jitter == Jitter::None {
            return floor.max(self.schedule.window(retry));
        }
        floor.saturating_add(jitter.beyond(&self.schedule, retry, previous, random))
    }

    fn kind(&self) -> Jitter {
        self.jitter.unwrap_or_default()
    }

    fn resolve(mut self, jitter: Jitter, cap: Duration) -> Result<Self, ConfigError> {
        self.jitter.get_or_insert(jitter);
        self.schedule = self.schedule.or_cap(cap);
        self.schedule.check()?;
        self.kind().check(cap)?;
        if self.max_attempts == 0 {
            return Err(ConfigError::new(
                "plan",
                "must allow at least 1 attempt, got 0",
            ));
        }
        Ok(self)
    }
}

/// A plan for every class, refined by status where needed.
#[derive(Clone, Debug)]
pub(crate) struct Plans {
    classes: [Plan; Class::ALL.len()],
    statuses: Vec<(Class, StatusCode, Plan)>,
}

impl Plans {
    /// The plan for a failure.
    pub(crate) fn of(&self, class: Class, status: Option<StatusCode>) -> &Plan {
        let refined = self
            .statuses
            .iter()
            .find(|(of, at, _)| *of == class && Some(*at) == status);
        match refined {
            Some((_, _, plan)) => plan,
            None => &self.classes[class.index()],
        }
    }

    pub(crate) fn set(&mut self, class: Class, plan: Plan) {
        self.statuses.retain(|(of, _, _)| *of != class);
        self.classes[class.index()] = plan;
    }

    pub(crate) fn refine(&mut self, class: Class, status: StatusCode, plan: Plan) {
        self.statuses
            .retain(|(of, at, _)| (*of, *at) != (class, status));
        self.statuses.push((class, status, plan));
    }

    /// The same schedule for all.
    pub(crate) fn wait(&mut self, schedule: Schedule) {
        self.each(|plan| plan.schedule = schedule);
    }

    /// The same tries for all.
    pub(crate) fn allow(&mut self, max_attempts: u32) {
        self.each(|plan| plan.max_attempts = max_attempts);
    }

    /// Fills in the layer's jitter and cap, and checks every plan.
    pub(crate) fn resolve(mut self, jitter: Jitter, cap: Duration) -> Result<Self, ConfigError> {
        let mut checked = Ok(());
        self.each(|plan| match plan.resolve(jitter, cap) {
            Ok(resolved) => *plan = resolved,
            Err(error) => checked = Err(error),
        });
        checked.map(|()| self)
    }

    fn each(&mut self, mut change: impl FnMut(&mut Plan)) {
        let refined = self.statuses.iter_mut().map(|(_, _, plan)| plan);
        self.classes.iter_mut().chain(refined).for_each(&mut change);
    }
}

/// The defaults; the front page of the crate has them as a table.
impl Default for Plans {
    fn default() -> Self {
        let exponential = |base| Schedule::exponential(Duration::from_millis(base));
        let failure = Plan::new(exponential(1_000), 3);
        let mut plans = Self {
            classes: [failure; Class::ALL.len()],
            statuses: Vec::new(),
        };
        plans.set(Class::RateLimited, Plan::new(exponential(1_000), 5));
        plans.set(Class::Timeout, Plan::new(exponential(1_000), 3));
        plans.set(Class::Transport, Plan::new(exponential(1_000), 3));
        plans.set(Class::Conflict, Plan::new(exponential(500), 3));

        let two = Duration::from_secs(2);
        let gateway = Plan::new(Schedule::linear(two, two), 3);
        plans.refine(Class::ServerError, StatusCode::BAD_GATEWAY, gateway);
        plans.refine(Class::Overloaded, StatusCode::SERVICE_UNAVAILABLE, gateway);
        plans.refine(Class::Timeout, StatusCode::GATEWAY_TIMEOUT, gateway);
        plans
    }
}
