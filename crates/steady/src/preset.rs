use std::borrow::Cow;
use std::time::Duration;

use tower_layer::Identity;
use tower_steady_backoff_jitter::{RetryBuilder, RetryLayer};
use tower_steady_circuit_breaker::{CircuitBreakerBuilder, CircuitBreakerLayer, JudgeStreams};
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::key::{ByExtension, ByHost, BySecret, Model};
use tower_steady_deadline::{AttemptTimeoutLayer, DeadlineLayer};
use tower_steady_replay_body::ReplayLayer;
use tower_steady_retry_after::{PauseLayer, RetryAfterLayer};
use tower_steady_retry_budget::RetryBudgetLayer;

use crate::Steady;

/// The deadline of a preset.
pub type Deadlines = DeadlineLayer;
/// The retry loop of a preset.
pub type Retries = RetryLayer;
/// The retry budget of a preset.
pub type Budget = RetryBudgetLayer;
/// The pause of a preset: by host, API key and, where it is noted, [`Model`], as rate limits are.
pub type Pauses = PauseLayer<(ByHost, BySecret, ByExtension<Model>)>;
/// The circuit breakers of a preset: by host and, where it is noted, [`Model`], as outages are.
pub type Breakers = CircuitBreakerLayer<(ByHost, ByExtension<Model>)>;
/// The timeouts of one attempt in a preset.
pub type Timeouts = AttemptTimeoutLayer;
/// The reader of the server's waits in a preset.
pub type Hints = RetryAfterLayer;
/// The classifier of a preset.
pub type Classes = ClassifyLayer;

/// What layers are called that nobody has named.
const UNNAMED: Cow<'static, str> = Cow::Borrowed("default");

/// What tells the presets apart.
struct Numbers {
    retry: RetryBuilder,
    /// For the call with all its attempts and waits, until its output begins.
    deadline: Duration,
    /// For one attempt, from its send to the first output.
    first_output: Duration,
    /// For one attempt, between two pieces of its output.
    idle: Duration,
}

impl Numbers {
    fn interactive() -> Self {
        Self {
            retry: RetryBuilder::interactive(),
            deadline: Duration::from_secs(30),
            first_output: Duration::from_secs(14),
            idle: Duration::from_secs(10),
        }
    }

    fn background() -> Self {
        Self {
            retry: RetryBuilder::background(),
            deadline: Duration::from_secs(600),
            first_output: Duration::from_secs(120),
            idle: Duration::from_secs(60),
        }
    }
}

impl Steady {
    /// For a person who waits: 3 attempts and the first output within 30 s, 14 s for each until its
    /// first output and 10 s between two pieces of it, so that a provider that hangs leaves time for a
    /// second attempt. Once its output has begun a stream may go on for as long as it is not idle. These
    /// are numbers for streamed answers; one that comes whole has no output before its end, and may
    /// want more ([`Steady::with_timeouts`]).
    ///
    /// A shorter deadline that the request brings is heeded: a [`Deadline`](crate::Deadline) in its extensions, or the
    /// header `grpc-timeout`, which a gateway that does not trust its callers takes off or does not read
    /// ([`Steady::with_deadline`], [`ignore_headers`](tower_steady_deadline::DeadlineBuilder::ignore_headers)). That it ran out early is not held against the
    /// provider.
    ///
    /// A server's wait of more than 30 s ends the call at once. Retries are paid from successes, at a
    /// tenth of a retry each; after a rate limit that names its wait they are free, for then the pause
    /// holds them back.
    ///
    /// The circuit of a host opens when half of at least 20 calls in 10 s fail, or ten in a row, for
    /// 5 s, growing to 10 s while its probes fail: short, for a probe is one request, and every second
    /// that a circuit stays open after an outage is one in which the provider would have answered.
    /// For the same reason a probe that streams decides by its first output.
    /// Where requests carry a [`Model`] in their extensions, each model of a host has a circuit and a
    /// pause of its own.
    #[must_use]
    pub fn interactive() -> Self {
        Self::preset(Numbers::interactive(), UNNAMED, None)
    }

    /// For work that can wait: 6 attempts and the first output within 10 min, backoff and the server's waits capped at
    /// 60 s, 2 min for each attempt until its first output and 1 min between two pieces of it.
    ///
    /// The rest is as in [`Steady::interactive`].
    #[must_use]
    pub fn background() -> Self {
        Self::preset(Numbers::background(), UNNAMED, None)
    }

    /// [`Steady::interactive`] whose layers go by this name in metrics, to tell several providers
    /// apart; the budget does in its events and its snapshot too.
    #[must_use]
    pub fn interactive_named(name: impl Into<Cow<'static, str>>) -> Self {
        Self::preset(Numbers::interactive(), name.into(), None)
    }

    /// [`Steady::background`] whose layers go by this name in metrics, to tell several providers
    /// apart; the budget does in its events and its snapshot too.
    #[must_use]
    pub fn background_named(name: impl Into<Cow<'static, str>>) -> Self {
        Self::preset(Numbers::background(), name.into(), None)
    }

    /// [`Steady::interactive`] whose jitter repeats, for tests and simulations.
    #[must_use]
    pub fn interactive_seeded(seed: u64) -> Self {
        Self::preset(Numbers::interactive(), UNNAMED, Some(seed))
    }

    /// [`Steady::background`] whose jitter repeats, for tests and simulations.
    #[must_use]
    pub fn background_seeded(seed: u64) -> Self {
        Self::preset(Numbers::background(), UNNAMED, Some(seed))
    }

    fn preset(numbers: Numbers, name: Cow<'static, str>, seed: Option<u64>) -> Self {
        const VALID: &str = "the numbers of a preset are valid";
        let mut retry = numbers.retry.name(name.clone());
        let budget = RetryBudgetLayer::builder()
            .name(name.clone())
            .free_when_asked(true);
        let mut breaker = CircuitBreakerBuilder::half_of_twenty()
            .name(name.clone())
            .consecutive_failures(10)
            .open_for(Duration::from_secs(5))
            .growth(1.5)
            .max_open(Duration::from_secs(10))
            .judge_streams(JudgeStreams::ProbesAtFirstOutput)
            .key((ByHost, ByExtension::new()));
        if let Some(seed) = seed {
            retry = retry.seed(seed);
            breaker = breaker.seed(seed);
        }
        Self {
            replay: Identity::new(),
            deadline: DeadlineLayer::builder()
                .timeout(numbers.deadline)
                .build()
                .expect(VALID),
            fallback: Identity::new(),
            retry: retry.build().expect(VALID),
            budget: budget.build().expect(VALID),
            pause: PauseLayer::builder()
                .name(name)
                .key((ByHost, BySecret::api_key(), ByExtension::new()))
                .build()
                .expect(VALID),
            breaker: breaker.build().expect(VALID),
            timeouts: AttemptTimeoutLayer::builder()
                .first_output(numbers.first_output)
                .idle(numbers.idle)
                .deadline_in_body(false)
                .build()
                .expect(VALID),
            hints: RetryAfterLayer::new(),
            classify: ClassifyLayer::new(),
        }
    }

    /// Makes any request body repeatable, as a stack in an axum or tonic app needs it, whose bodies
    /// can be read once. The default limit is [`ReplayLayer`]'s.
    #[must_use]
    pub fn with_any_body(self) -> Steady<ReplayLayer> {
        self.with_replay(ReplayLayer::new())
    }
}
