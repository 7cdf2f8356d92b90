use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;
use tower_steady_core::Shared;
use tower_steady_core::key::{Everything, RequestKey};

use crate::circuit::Circuit;
use crate::config::CircuitBreakerBuilder;
use crate::handle::CircuitBreakerHandle;
use crate::metrics;
use crate::registry::Registry;
use crate::service::CircuitBreaker;
use crate::settings::Settings;
use crate::snapshot::CircuitSnapshot;

/// Puts a circuit breaker in front of a service: one circuit, or one for each key.
///
/// All services made by one layer value, and by its clones, share its circuits; two layer values share
/// nothing. See the [crate documentation](crate).
pub struct CircuitBreakerLayer<K: RequestKey = Everything> {
    circuits: Circuits<K>,
}

/// The circuits behind a layer or a service.
pub(crate) enum Circuits<K: RequestKey> {
    One(Shared<Circuit>),
    Many(Arc<Registry<K>>),
}

impl CircuitBreakerLayer {
    /// One circuit for all calls that opens for 60 s after five failures in a row
    /// ([`five_in_a_row`](CircuitBreakerBuilder::five_in_a_row)).
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the defaults are valid")]
    pub fn new() -> Self {
        Self::builder().build().expect("the defaults are valid")
    }

    /// Starts from the defaults of [`CircuitBreakerLayer::new`].
    pub fn builder() -> CircuitBreakerBuilder {
        CircuitBreakerBuilder::five_in_a_row()
    }

    /// A handle on the one circuit.
    #[must_use]
    pub fn handle(&self) -> CircuitBreakerHandle {
        CircuitBreakerHandle::new(match &self.circuits {
            Circuits::One(circuit) => Arc::clone(circuit.state()),
            Circuits::Many(registry) => registry.get_or_add(&()),
        })
    }
}

impl<K: RequestKey> CircuitBreakerLayer<K> {
    pub(crate) fn from_settings(settings: Settings, keyed: bool, key: K) -> Self {
        metrics::layered(&settings.name);
        let settings = Arc::new(settings);
        let circuits = if keyed {
            Circuits::Many(Arc::new(Registry::new(key, settings)))
        } else {
            Circuits::One(Shared::new(Circuit::new(settings, None, None)))
        };
        Self { circuits }
    }

    /// A handle on the circuit of `key`, which is made if there is none yet: to force it before its
    /// first call, or to watch it.
    #[must_use]
    pub fn handle_of(&self, key: &K::Key) -> CircuitBreakerHandle {
        CircuitBreakerHandle::new(match &self.circuits {
            Circuits::One(circuit) => Arc::clone(circuit.state()),
            Circuits::Many(registry) => registry.get_or_add(key),
        })
    }

    /// A handle on each circuit there is, with its key; none where the layer is not keyed.
    #[must_use]
    pub fn handles(&self) -> Vec<(K::Key, CircuitBreakerHandle)> {
        match &self.circuits {
            Circuits::One(_) => Vec::new(),
            Circuits::Many(registry) => {
                let all = registry.all().into_iter();
                all.map(|(key, circuit)| (key, CircuitBreakerHandle::new(circuit)))
                    .collect()
            }
        }
    }

    /// Each circuit there is, as of one moment each, ordered by key; the only one where the layer is
    /// not keyed.
    #[must_use]
    pub fn snapshots(&self) -> Vec<CircuitSnapshot> {
        match &self.circuits {
            Circuits::One(circuit) => vec![circuit.snapshot()],
            Circuits::Many(registry) => {
                let all = registry.all().into_iter();
                let mut snapshots: Vec<_> = all.map(|(_, circuit)| circuit.snapshot()).collect();
                snapshots.sort_by(|one, other| one.key.cmp(&other.key));
                snapshots
            }
        }
    }
}

impl Default for CircuitBreakerLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, K: RequestKey> Layer<S> for CircuitBreakerLayer<K> {
    type Service = CircuitBreaker<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreaker::new(inner, self.circuits.clone())
    }
}

impl<K: RequestKey> Clone for CircuitBreakerLayer<K> {
    fn clone(&self) -> Self {
        Self {
            circuits: self.circuits.clone(),
        }
    }
}

impl<K: RequestKey> fmt::Debug for CircuitBreakerLayer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerLayer")
            .field("circuits", &self.circuits)
            .finish()
    }
}

impl<K: RequestKey> Clone for Circuits<K> {
    fn clone(&self) -> Self {
        match self {
            Self::One(circuit) => Self::One(circuit.clone()),
            Self::Many(registry) => Self::Many(Arc::clone(registry)),
        }
    }
}

impl<K: RequestKey> fmt::Debug for Circuits<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(circuit) => circuit.fmt(f),
            Self::Many(registry) => f
                .debug_list()
                .entries(registry.all().into_iter().map(|(_, circuit)| circuit))
                .finish(),
        }
    }
}
