use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use tower_layer::Layer;
use tower_steady_core::Outcome;

use crate::handle::Counts;
use crate::rule::Rule;
use crate::{Fallback, FallbackHandle, Or, Stock};

/// Answers from a [`Source`](crate::Source) when the service inside has no good answer.
///
/// See the [crate docs](crate).
#[derive(Clone, Debug)]
pub struct FallbackLayer<Src> {
    source: Src,
    config: Arc<Config>,
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) header: Option<HeaderName>,
    pub(crate) reserve: Duration,
    pub(crate) rule: Rule,
    pub(crate) counts: Arc<Counts>,
}

impl<Src> FallbackLayer<Src> {
    /// Falls back to `source` with the defaults: header `x-degraded`, no reserve, what is not the
    /// request's own fault.
    #[must_use]
    pub fn new(source: Src) -> Self {
        Self {
            source,
            config: Arc::new(Config {
                header: Some(HeaderName::from_static("x-degraded")),
                reserve: Duration::ZERO,
                rule: Rule::DEFAULT,
                counts: Arc::default(),
            }),
        }
    }

    /// Asks `next` where the sources so far have no answer.
    #[must_use]
    pub fn or<Next>(self, next: Next) -> FallbackLayer<Or<Src, Next>> {
        FallbackLayer {
            source: Or::new(self.source, next),
            config: self.config,
        }
    }

    /// The response header that marks a degraded answer, `None` for no header. The extension
    /// [`Degraded`](crate::Degraded) is there all the same.
    #[must_use]
    pub fn header(mut self, name: Option<HeaderName>) -> Self {
        Arc::make_mut(&mut self.config).header = name;
        self
    }

    /// How much of the caller's deadline is kept for the fallback: the layers inside see a deadline
    /// that is this much earlier. Default: none.
    #[must_use]
    pub fn reserve(mut self, reserve: Duration) -> Self {
        Arc::make_mut(&mut self.config).reserve = reserve;
        self
    }

    /// Which outcomes fall back, instead of the default. Not asked for a success.
    #[must_use]
    pub fn when(mut self, rule: impl Fn(&Outcome) -> bool + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.config).rule = Rule::new(rule);
        self
    }

    /// Counts what it does.
    #[must_use]
    pub fn handle(&self) -> FallbackHandle
    where
        Src: Stock + Clone + Send + Sync + 'static,
    {
        let stock = Arc::new(self.source.clone());
        FallbackHandle::new(Arc::clone(&self.config.counts), stock)
    }
}

impl<S, Src: Clone> Layer<S> for FallbackLayer<Src> {
    type Service = Fallback<S, Src>;

    fn layer(&self, inner: S) -> Self::Service {
        Fallback::new(inner, self.source.clone(), Arc::clone(&self.config))
    }
}
