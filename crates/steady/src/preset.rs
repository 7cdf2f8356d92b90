use std::time::Duration;

use tower_layer::Identity;
use tower_steady_backoff_jitter::RetryLayer;
use tower_steady_circuit_breaker::{CircuitBreakerBuilder, CircuitBreakerLayer};
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::key::ByHost;
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
/// The pause of a preset.
pub type Pauses = PauseLayer;
/// The circuit breakers of a preset: one a host.
pub type Breakers = CircuitBreakerLayer<ByHost>;
/// The timeouts of one attempt in a preset.
pub type Timeouts = AttemptTimeoutLayer;
/// The reader of the server's waits in a preset.
pub type Hints = RetryAfterLayer;
/// The classifier of a preset.
pub type Classes = ClassifyLayer;

/// What tells the presets apart.
struct Numbers {
    retry: RetryLayer,
    /// For the call with all its attempts and waits.
    deadline: Duration,
    /// For one attempt, from its send to the first output.
    first_output: Duration,
    /// For one attempt, between two pieces of its output.
    idle: Duration,
}

impl Steady {
    /// For a person who waits: 3 attempts within 30 s, 14 s for each until its first output and 10 s
    /// between two pieces of it, so that a provider that hangs leaves time for a second attempt.
    ///
    /// A server's wait of more than 30 s ends the call at once. Five failures in a row open the
    /// circuit of a host for a minute. Retries are paid from successes, at a tenth of a retry each.
    #[must_use]
    pub fn interactive() -> Self {
        Self::preset(Numbers {
            retry: RetryLayer::interactive(),
            deadline: Duration::from_secs(30),
            first_output: Duration::from_secs(14),
            idle: Duration::from_secs(10),
        })
    }

    /// For work that can wait: 6 attempts within 10 min, backoff and the server's waits capped at
    /// 60 s, 2 min for each attempt until its first output and 1 min between two pieces of it.
    ///
    /// The rest is as in [`Steady::interactive`].
    #[must_use]
    pub fn background() -> Self {
        Self::preset(Numbers {
            retry: RetryLayer::background(),
            deadline: Duration::from_secs(600),
            first_output: Duration::from_secs(120),
            idle: Duration::from_secs(60),
        })
    }

    fn preset(numbers: Numbers) -> Self {
        const VALID: &str = "the numbers of a preset are valid";
        Self {
            replay: Identity::new(),
            deadline: DeadlineLayer::builder()
                .timeout(numbers.deadline)
                .build()
                .expect(VALID),
            fallback: Identity::new(),
            retry: numbers.retry,
            budget: RetryBudgetLayer::new(),
            pause: PauseLayer::new(),
            breaker: CircuitBreakerBuilder::five_in_a_row()
                .key(ByHost)
                .build()
                .expect(VALID),
            timeouts: AttemptTimeoutLayer::builder()
                .first_output(numbers.first_output)
                .idle(numbers.idle)
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
