use std::sync::Arc;

use tower_layer::Layer;
use tower_steady_core::Shared;

use crate::config::{ClassifyBuilder, Config};
use crate::service::Classify;

/// Puts [`Classify`] around a service. See the [crate's front page](crate).
#[derive(Clone, Debug)]
pub struct ClassifyLayer {
    config: Arc<Config>,
}

impl ClassifyLayer {
    /// The layer with its defaults: all rules, bodies up to 64 KiB, error bodies for up to 2 s.
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(Config::default())
    }

    /// Starts from the defaults.
    pub fn builder() -> ClassifyBuilder {
        ClassifyBuilder::default()
    }

    pub(crate) fn from_config(config: Config) -> Self {
        Self {
            config: Arc::new(config),
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
        Classify::new(inner, Shared::from(Arc::clone(&self.config)))
    }
}
