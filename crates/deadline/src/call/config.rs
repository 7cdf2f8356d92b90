use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use tower_steady_core::ConfigError;

use super::DeadlineLayer;
use crate::TimeoutFormat;
use crate::header::{Forward, TimeoutHeader};

/// Where deadlines come from and go to.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) timeout: Option<Duration>,
    pub(crate) headers: Vec<TimeoutHeader>,
    pub(crate) forward: Option<Forward>,
}

impl Config {
    pub(crate) fn new() -> Self {
        Self {
            timeout: None,
            headers: vec![TimeoutHeader::GRPC],
            forward: None,
        }
    }
}

/// Configures a [`DeadlineLayer`].
#[derive(Clone, Debug)]
#[must_use]
pub struct DeadlineBuilder {
    config: Config,
}

impl DeadlineBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: Config::new(),
        }
    }

    /// The layer's own limit on a call, from the moment that it comes here. Default: none, only what
    /// the caller brings. One too long for the clock (`Duration::MAX`) is none.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.timeout = timeout.into();
        self
    }

    /// Reads a further header for the time that the caller gives. Default: `grpc-timeout` alone.
    ///
    /// The smallest of all wins, so a header can only shorten a call. A value that is not of the
    /// format is no deadline. The header itself stays on the request; see
    /// [`forward`](Self::forward).
    pub fn header(mut self, name: HeaderName, format: TimeoutFormat) -> Self {
        self.config.headers.push(TimeoutHeader { name, format });
        self
    }

    /// Reads no header, those given so far and `grpc-timeout` included.
    pub fn ignore_headers(mut self) -> Self {
        self.config.headers.clear();
        self
    }

    /// Sends the time that is left on to the provider in this header, in place of one that is there
    /// already. Default: not sent. A call without a deadline goes out as it came.
    ///
    /// Below a retry layer every attempt has less time: where an
    /// [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer) stands there, it writes the header anew
    /// for each. Without one, later attempts repeat the value of the first.
    pub fn forward(mut self, name: HeaderName, format: TimeoutFormat) -> Self {
        self.config.forward = Some(Forward(TimeoutHeader { name, format }));
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// `timeout` is zero; `forward` names a header that frames the message itself.
    pub fn build(self) -> Result<DeadlineLayer, ConfigError> {
        let config = self.config;
        if config.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(ConfigError::new("timeout", "must be above zero"));
        }
        if let Some(Forward(header)) = &config.forward
            && [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING].contains(&header.name)
        {
            return Err(ConfigError::new(
                "forward",
                format!("must not overwrite `{}`", header.name),
            ));
        }
        Ok(DeadlineLayer::from_config(Arc::new(config)))
    }
}
