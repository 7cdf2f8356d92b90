use std::fmt;
use std::sync::Arc;

use tower_layer::Identity;
use tower_steady_circuit_breaker::{CircuitBreakerLayer, CircuitSnapshot};
use tower_steady_core::key::RequestKey;
#[cfg(feature = "fallback")]
use tower_steady_fallback::{FallbackLayer, FallbackSnapshot, Stock};
use tower_steady_retry_after::{PauseLayer, PauseSnapshot};
use tower_steady_retry_budget::{BudgetSnapshot, RetryBudgetLayer, SpendLayer, SpendSnapshot};

/// A layer whose state a [`SteadyHandle`] shows: those of these crates that have any, [`Identity`], and
/// pairs of them, which are layers too. One of your own in their place needs no method.
#[diagnostic::on_unimplemented(
    message = "a `SteadyHandle` cannot show the state of `{Self}`",
    label = "not an `Inspect`",
    note = "a layer of your own with nothing to show: `impl Inspect for {Self} {{}}`"
)]
pub trait Inspect {
    /// Writes down what there is to see. By default nothing.
    fn inspect(&self, seen: &mut SteadySnapshot) {
        let _ = seen;
    }
}

/// Looks at the layers of a [`Steady`](crate::Steady) from outside. Clones look at the same.
///
/// ```
/// use tower_steady::Steady;
///
/// let steady = Steady::interactive();
/// let handle = steady.handle();
/// assert_eq!(handle.snapshot().budget.unwrap().denied, 0);
/// ```
#[derive(Clone)]
pub struct SteadyHandle {
    layers: Arc<[Box<dyn Inspect + Send + Sync>]>,
}

/// What the layers of a stack know, each as of one moment.
///
/// With the feature `serde` it serialises field by field, so that an application can serve it without
/// any exporter. Keys stand in it as `Debug` prints them: an API key never does.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SteadySnapshot {
    /// Degraded answers; `None` without a fallback.
    #[cfg(feature = "fallback")]
    pub fallback: Option<FallbackSnapshot>,
    /// The retry budget; `None` without one.
    pub budget: Option<BudgetSnapshot>,
    /// What retries have cost; `None` without limits on that.
    pub spend: Option<SpendSnapshot>,
    /// The keys that are paused or paced; `None` without a pause.
    pub pause: Option<PauseSnapshot>,
    /// The circuits, ordered by key.
    pub circuits: Vec<CircuitSnapshot>,
}

impl SteadyHandle {
    pub(crate) fn new(layers: impl IntoIterator<Item = Box<dyn Inspect + Send + Sync>>) -> Self {
        Self {
            layers: layers.into_iter().collect(),
        }
    }

    /// All there is to see. Of two layers of a kind it shows the inner one.
    #[must_use]
    pub fn snapshot(&self) -> SteadySnapshot {
        let mut seen = SteadySnapshot::default();
        for layer in self.layers.iter() {
            layer.inspect(&mut seen);
        }
        seen
    }
}

impl fmt::Debug for SteadyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SteadyHandle")
            .field(&self.snapshot())
            .finish()
    }
}

impl Inspect for Identity {}

/// The first is the outer one.
impl<Outer: Inspect, Inner: Inspect> Inspect for (Outer, Inner) {
    fn inspect(&self, seen: &mut SteadySnapshot) {
        self.0.inspect(seen);
        self.1.inspect(seen);
    }
}

#[cfg(feature = "fallback")]
impl<Src: Stock + Clone + Send + Sync + 'static> Inspect for FallbackLayer<Src> {
    fn inspect(&self, seen: &mut SteadySnapshot) {
        seen.fallback = Some(self.handle().snapshot());
    }
}

impl Inspect for RetryBudgetLayer {
    fn inspect(&self, seen: &mut SteadySnapshot) {
        seen.budget = Some(self.handle().snapshot());
    }
}

impl Inspect for SpendLayer {
    fn inspect(&self, seen: &mut SteadySnapshot) {
        seen.spend = Some(self.handle().snapshot());
    }
}

impl<K: RequestKey> Inspect for PauseLayer<K> {
    fn inspect(&self, seen: &mut SteadySnapshot) {
        seen.pause = Some(self.handle().snapshot());
    }
}

impl<K: RequestKey> Inspect for CircuitBreakerLayer<K> {
    fn inspect(&self, seen: &mut SteadySnapshot) {
        seen.circuits = self.snapshots();
    }
}
