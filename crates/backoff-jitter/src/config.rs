use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderName, StatusCode};
use tower_steady_core::metrics::Name;
use tower_steady_core::{Class, ConfigError, Seeds};

use crate::decision::Limits;
use crate::metrics::Meters;
use crate::plan::Plans;
use crate::{Jitter, NoRepair, Plan, RetryLayer, Schedule};

/// The most attempts that can be configured: the report keeps an entry for each.
const MOST_ATTEMPTS: u32 = 1_000;

type Predicate = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;

/// Builds a [`RetryLayer`]. Every setter has its default in its description.
#[derive(Clone)]
pub struct RetryBuilder<R = NoRepair> {
    max_attempts: u32,
    plans: Plans,
    jitter: Jitter,
    cap: Duration,
    limits: Limits,
    options: Options,
    seed: Option<u64>,
    repair: R,
    name: Name,
}

/// What a layer and its services share.
pub(crate) struct Settings<R> {
    pub(crate) max_attempts: u32,
    pub(crate) plans: Plans,
    pub(crate) limits: Limits,
    pub(crate) options: Options,
    pub(crate) seeds: Seeds,
    pub(crate) repair: R,
    pub(crate) meters: Meters,
}

/// What is off unless asked for.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) attempt_header: Option<HeaderName>,
    pub(crate) idempotency_key: Option<HeaderName>,
    non_idempotent: Option<Predicate>,
    repaired: [bool; Class::ALL.len()],
}

impl RetryBuilder {
    pub(crate) fn new() -> Self {
        Self {
            max_attempts: 5,
            plans: Plans::default(),
            jitter: Jitter::Full,
            cap: Duration::from_secs(20),
            limits: Limits {
                min_wait: Duration::ZERO,
                wait_cap: Duration::from_secs(60),
                min_attempt: Duration::from_millis(500),
            },
            options: Options::default(),
            seed: None,
            repair: NoRepair,
            name: Name::default(),
        }
    }

    /// The settings of [`RetryLayer::interactive`], to be changed.
    #[must_use]
    pub fn interactive() -> Self {
        Self::new()
            .max_attempts(3)
            .wait_cap(Duration::from_secs(30))
    }

    /// The settings of [`RetryLayer::background`], to be changed.
    #[must_use]
    pub fn background() -> Self {
        let mut builder = Self::new().max_attempts(6).cap(Duration::from_secs(60));
        builder.plans.allow(6);
        builder
    }
}

impl<R> RetryBuilder<R> {
    /// What metrics call this layer, in their label `name`. Default `default`; layers with the same
    /// name are counted together.
    #[must_use]
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Name::new(name);
        self
    }

    /// The total limit on tries a call, the first one included, over all plans. 1 to 1000; default 5.
    /// A request can lower it with [`MaxAttempts`](crate::MaxAttempts).
    #[must_use]
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// The plan for a class, in place of the default one and of all its refinements by status.
    ///
    /// It says when, not whether: for a class that is not [transient](Class::is_transient) it does nothing
    /// until whatever classifies below says that such a failure is, as a rule of one's own can.
    #[must_use]
    pub fn plan(mut self, class: Class, plan: Plan) -> Self {
        self.plans.set(class, plan);
        self
    }

    /// The plan for a class where the response had this status. Refine after [`plan`](Self::plan).
    #[must_use]
    pub fn plan_for_status(mut self, class: Class, status: StatusCode, plan: Plan) -> Self {
        self.plans.refine(class, status, plan);
        self
    }

    /// One schedule for all plans so far, the default ones included; their limits stay. Before
    /// [`plan`](Self::plan), to make exceptions.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.plans.wait(schedule);
        self
    }

    /// The jitter of plans that name none. Default [`Jitter::Full`].
    #[must_use]
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// The cap of schedules that name none, applied before the jitter. Default 20 s, as in the AWS
    /// SDKs. Not below any schedule's base, of which the default plans' longest is 2 s.
    #[must_use]
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// The longest server's wait that is obeyed; a longer one ends the call at once, with veto
    /// `wait_over_cap` and the time left. Default 60 s: limits counted by the minute refill within one,
    /// and a longer wait speaks of another kind of limit. (OpenAI's SDK stops at 120 s, Anthropic's
    /// at 60 s.)
    #[must_use]
    pub fn wait_cap(mut self, wait_cap: Duration) -> Self {
        self.limits.wait_cap = wait_cap;
        self
    }

    /// A server's wait counts as at least this, before the jitter is added. Default zero. Where the
    /// server asked for no wait the schedule alone counts.
    #[must_use]
    pub fn min_wait(mut self, min_wait: Duration) -> Self {
        self.limits.min_wait = min_wait;
        self
    }

    /// The shortest try that is worth sending: with less than this left to the caller's deadline after
    /// the wait, the call ends at once. Default 500 ms, about what a connection and a first token
    /// take.
    #[must_use]
    pub fn min_attempt(mut self, min_attempt: Duration) -> Self {
        self.limits.min_attempt = min_attempt;
        self
    }

    /// Requests that must not be processed twice, beside those marked with
    /// [`NonIdempotent`](crate::NonIdempotent). Asked only after a failure, with the head as it was
    /// sent. Default: none.
    #[must_use]
    pub fn non_idempotent(
        mut self,
        predicate: impl Fn(&Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.options.non_idempotent = Some(Arc::new(predicate));
        self
    }

    /// Repairs failed requests of these classes, see [`Repair`](crate::Repair). Default: none.
    #[must_use]
    pub fn repair<R2>(
        self,
        classes: impl IntoIterator<Item = Class>,
        repair: R2,
    ) -> RetryBuilder<R2> {
        let mut options = self.options;
        options.repaired = [false; Class::ALL.len()];
        for class in classes {
            options.repaired[class.index()] = true;
        }
        RetryBuilder {
            max_attempts: self.max_attempts,
            plans: self.plans,
            jitter: self.jitter,
            cap: self.cap,
            limits: self.limits,
            options,
            seed: self.seed,
            repair,
            name: self.name,
        }
    }

    /// Sends the number of the try, from 1, in this header. Default: off.
    #[must_use]
    pub fn attempt_header(mut self, name: HeaderName) -> Self {
        self.options.attempt_header = Some(name);
        self
    }

    /// Sends a key in this header, the same on every try of a call and 128 random bits otherwise,
    /// unless the request has one already. Default: off. The usual name is `idempotency-key`.
    #[must_use]
    pub fn idempotency_key(mut self, name: HeaderName) -> Self {
        self.options.idempotency_key = Some(name);
        self
    }

    /// Makes the delays repeat, for tests. Default: from the operating system's randomness.
    /// Idempotency keys never repeat.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// Names the field that is out of its range: zero attempts, a cap below a schedule's base, a
    /// factor that is not a number, a minimum above its cap.
    pub fn build(self) -> Result<RetryLayer<R>, ConfigError> {
        if !(1..=MOST_ATTEMPTS).contains(&self.max_attempts) {
            return Err(ConfigError::new(
                "max_attempts",
                format!("must be 1 to {MOST_ATTEMPTS}, got {}", self.max_attempts),
            ));
        }
        if self.cap.is_zero() {
            return Err(ConfigError::new("cap", "must be longer than zero, got 0ns"));
        }
        if self.limits.min_wait > self.limits.wait_cap {
            return Err(ConfigError::new(
                "min_wait",
                format!(
                    "must not be above `wait_cap` of {:?}, got {:?}",
                    self.limits.wait_cap, self.limits.min_wait
                ),
            ));
        }
        Ok(RetryLayer::with(Settings {
            max_attempts: self.max_attempts,
            plans: self.plans.resolve(self.jitter, self.cap)?,
            limits: self.limits,
            options: self.options,
            seeds: self.seed.map_or_else(Seeds::random, Seeds::fixed),
            repair: self.repair,
            meters: Meters::new(self.name),
        }))
    }
}

impl Options {
    /// Whether failures of this class go to the repair hook.
    pub(crate) fn repairs(&self, class: Class) -> bool {
        self.repaired[class.index()]
    }

    pub(crate) fn is_non_idempotent(&self, head: &Parts) -> bool {
        self.non_idempotent
            .as_ref()
            .is_some_and(|predicate| predicate(head))
    }
}

impl<R> fmt::Debug for RetryBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBuilder")
            .field("max_attempts", &self.max_attempts)
            .field("jitter", &self.jitter)
            .field("cap", &self.cap)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for Settings<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("max_attempts", &self.max_attempts)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
