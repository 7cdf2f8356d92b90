use std::sync::Arc;

use tower_layer::Layer;

use super::config::Config;
use super::{DeadlineBuilder, DeadlineService};

/// Gives every call one absolute deadline over all of its attempts and the waits between them.
///
/// The deadline is the earliest of the layer's own timeout, a
/// [`Deadline`](tower_steady_core::Deadline) in the request's extensions and a header
/// (`grpc-timeout`, others by name). It is noted in the extensions for every layer below: the retry
/// layer does not sleep past it, an attempt does not run past it. A call that comes too late is not
/// sent; one that outlives its deadline all the same is dropped then.
///
/// It covers the call up to the head of the response. The body is bounded by the
/// [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer). See the [crate docs](crate).
#[derive(Clone, Debug)]
pub struct DeadlineLayer {
    config: Arc<Config>,
}

impl DeadlineLayer {
    /// No timeout of its own: only what the caller brings, in the request's extensions or as
    /// `grpc-timeout`. Not sent on.
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(Arc::new(Config::new()))
    }

    /// Starts from the same.
    pub fn builder() -> DeadlineBuilder {
        DeadlineBuilder::new()
    }

    pub(crate) const fn from_config(config: Arc<Config>) -> Self {
        Self { config }
    }
}

impl Default for DeadlineLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> DeadlineService<S> {
        DeadlineService::new(inner, Arc::clone(&self.config))
    }
}
