use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use crate::config::Settings;
use crate::{NoRepair, Retry, RetryBuilder};

/// Retries failed calls. See the crate's front page.
pub struct RetryLayer<R = NoRepair> {
    settings: Arc<Settings<R>>,
}

impl RetryLayer {
    /// The documented defaults: 5 attempts in all.
    #[must_use]
    pub fn new() -> Self {
        Self::preset(RetryBuilder::new())
    }

    /// For a person who waits: 3 attempts, and a server's wait above 30 s ends the call.
    #[must_use]
    pub fn interactive() -> Self {
        Self::preset(RetryBuilder::interactive())
    }

    /// For a job that nobody waits for: 6 attempts in every transient class, backoff and server's
    /// wait up to 60 s. For what takes longer a queue is the better place; the veto says how long.
    #[must_use]
    pub fn background() -> Self {
        Self::preset(RetryBuilder::background())
    }

    /// Starts from the defaults of [`new`](Self::new).
    #[must_use]
    pub fn builder() -> RetryBuilder {
        RetryBuilder::new()
    }

    fn preset(builder: RetryBuilder) -> Self {
        builder.build().expect("presets are valid")
    }
}

impl<R> RetryLayer<R> {
    pub(crate) fn with(settings: Settings<R>) -> Self {
        Self {
            settings: Arc::new(settings),
        }
    }
}

impl Default for RetryLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone, R> Layer<S> for RetryLayer<R> {
    type Service = Retry<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, Arc::clone(&self.settings))
    }
}

impl<R> Clone for RetryLayer<R> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<R> fmt::Debug for RetryLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RetryLayer").field(&self.settings).finish()
    }
}
