use std::sync::Arc;

use tower_layer::Layer;
use tower_steady_core::Shared;

use crate::config::{ClassifyBuilder, Config, Source};
use crate::service::Classify;

/// Puts [`Classify`] around a service. See the [crate's front page](crate).
#[derive(Clone, Debug)]
pub struct ClassifyLayer {
    config: Source<Arc<Config>>,
}

impl ClassifyLayer {
    /// The layer with its defaults: all rules, bodies up to 64 KiB, error bodies for up to 2 s.
    #[must_use]
    pub fn new() -> Self {
        Self {
            config: Source::Default,
        }
    }

    /// Starts from the defaults.
    pub fn builder() -> ClassifyBuilder {
        ClassifyBuilder::default()
    }

    pub(crate) fn from_config(config: Config) -> Self {
        Self {
            config: Source::Own(Arc::new(config)),
        }
    }
}

impl Default for ClassifyLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ClassifyLayer {
    type Service = Classify<S>;

    fn layer(&self, inner: S) -> Classify<S> {
        let config = self.config.map(|config| Shared::from(Arc::clone(config)));
        Classify::new(inner, config)
    }
}
