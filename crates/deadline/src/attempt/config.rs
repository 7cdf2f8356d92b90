use std::time::Duration;

use tower_steady_core::ConfigError;

use super::AttemptTimeoutLayer;
use super::timers::Limits;

/// Configures an [`AttemptTimeoutLayer`].
///
/// Every limit takes a [`Duration`] or, to switch it off, `None`. One too long for the clock
/// (`Duration::MAX`) never runs out.
#[derive(Clone, Debug)]
#[must_use]
pub struct AttemptTimeoutBuilder {
    limits: Limits,
}

impl AttemptTimeoutBuilder {
    pub(crate) const fn new() -> Self {
        Self {
            limits: AttemptTimeoutLayer::DEFAULTS,
        }
    }

    /// How long the head of the response may take. Default: no limit of its own.
    ///
    /// The head *as it comes here*: where a layer below holds back the head of a stream until its
    /// first output, as classify does, this bounds the first output too. To bound the time to the
    /// provider's own headers there, put a second layer with this limit alone next to the client.
    pub fn headers(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.headers = limit.into();
        self
    }

    /// How long the first output may take. Default: 600 seconds.
    ///
    /// Runs from the call on, over the head and into the body. Output is the first data of a body
    /// or, of an event stream, the first that is not a keep-alive; where classify has left its
    /// [`StreamOutcome`](tower_steady_core::StreamOutcome), the first event that carries output.
    /// For a request that is not streamed it is the time in which the whole answer is made.
    pub fn first_output(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.first_output = limit.into();
        self
    }

    /// How long the body may then pause. Default: 120 seconds.
    ///
    /// Keep-alives of an event stream do not end a pause: comments, and events named `ping`,
    /// `keepalive`, `keep-alive` or `heartbeat`. Only the time in which the body is awaited counts,
    /// so a slow reader is not taken for a slow provider. Without a limit on the first output this
    /// runs from the head on.
    pub fn idle(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.idle = limit.into();
        self
    }

    /// Whether the deadline of the call, if it has one, bounds the body to its end. Default: true, as
    /// in gRPC. Otherwise it holds until the output begins (where `first_output` is off, with the
    /// head), and a stream may then go on as long as it is not idle.
    pub fn deadline_in_body(mut self, bound: bool) -> Self {
        self.limits.deadline_in_body = bound;
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// A limit is zero, or `headers` is above `first_output` and so could never run out.
    pub fn build(self) -> Result<AttemptTimeoutLayer, ConfigError> {
        let limits = self.limits;
        for (field, limit) in [
            ("headers", limits.headers),
            ("first_output", limits.first_output),
            ("idle", limits.idle),
        ] {
            if limit.is_some_and(|limit| limit.is_zero()) {
                return Err(ConfigError::new(field, "must be above zero"));
            }
        }
        if let (Some(headers), Some(first_output)) = (limits.headers, limits.first_output)
            && headers > first_output
        {
            return Err(ConfigError::new(
                "headers",
                format!("must not be above `first_output` ({first_output:?}), got {headers:?}"),
            ));
        }
        Ok(AttemptTimeoutLayer::from_limits(limits))
    }
}
