use std::time::Duration;

use tower_layer::Layer;

use super::timers::Limits;
use super::{AttemptTimeout, AttemptTimeoutBuilder};

/// Limits each attempt: time to headers, to first output, idle time in the body, and the deadline of
/// the call.
///
/// Stands inside the circuit breaker and the retry loop. A timer that runs out is an ordinary
/// `timeout` outcome without a veto: the breaker counts it, and it may be retried. It says which
/// timer it was: [`AttemptElapsed`](crate::AttemptElapsed) is the source of the failure. See the
/// [crate docs](crate).
#[derive(Clone, Copy, Debug)]
pub struct AttemptTimeoutLayer {
    limits: Limits,
}

impl AttemptTimeoutLayer {
    // The SDKs of OpenAI and Anthropic give a request ten minutes unless told otherwise.
    pub(crate) const DEFAULTS: Limits = Limits {
        headers: None,
        first_output: Some(Duration::from_secs(600)),
        idle: Some(Duration::from_secs(120)),
        deadline_in_body: true,
    };

    /// First output within 600 seconds, as the SDKs of OpenAI and Anthropic have it, and no pause
    /// above 120 seconds after that; the deadline bounds head and body.
    #[must_use]
    pub const fn new() -> Self {
        Self::from_limits(Self::DEFAULTS)
    }

    /// Starts from the same.
    pub const fn builder() -> AttemptTimeoutBuilder {
        AttemptTimeoutBuilder::new()
    }

    pub(crate) const fn from_limits(limits: Limits) -> Self {
        Self { limits }
    }
}

impl Default for AttemptTimeoutLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for AttemptTimeoutLayer {
    type Service = AttemptTimeout<S>;

    fn layer(&self, inner: S) -> AttemptTimeout<S> {
        AttemptTimeout::new(inner, self.limits)
    }
}
