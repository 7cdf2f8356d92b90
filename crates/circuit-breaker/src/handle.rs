use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::circuit::Circuit;
use crate::snapshot::CircuitSnapshot;
use crate::state::{Counts, State, Transition, TripReason, WindowCounts};

/// Looks at a circuit from outside, and works it by hand. Clones are of the same circuit.
///
/// The circuit of a key stays with its layer while there is a handle on it, however idle it is. Only
/// where the layer has more keys than it may keep, and handles on all the others too, is a closed one
/// replaced by a new one all the same. Forced circuits are never replaced.
#[derive(Clone, Debug)]
pub struct CircuitBreakerHandle {
    circuit: Arc<Circuit>,
}

impl CircuitBreakerHandle {
    pub(crate) fn new(circuit: Arc<Circuit>) -> Self {
        Self { circuit }
    }

    /// All there is to see, as of one moment.
    #[must_use]
    pub fn snapshot(&self) -> CircuitSnapshot {
        self.circuit.snapshot()
    }

    /// What the circuit does with calls. An open circuit whose time is over is open until the next
    /// call comes; its [`time_left`](Self::time_left) is zero.
    #[must_use]
    pub fn state(&self) -> State {
        self.circuit.breaker.state()
    }

    /// How long the circuit stays open; `None` in every other state.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let now = self.circuit.settings.now();
        self.circuit.breaker.status(now).left
    }

    /// Why the circuit is open or half-open.
    #[must_use]
    pub fn reason(&self) -> Option<TripReason> {
        let now = self.circuit.settings.now();
        self.circuit.breaker.status(now).reason
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.circuit.breaker.counts()
    }

    /// The calls in the rolling window, if any rule needs one.
    #[must_use]
    pub fn window(&self) -> Option<WindowCounts> {
        self.circuit.breaker.window(self.circuit.settings.now())
    }

    /// The circuit's key, printed by `Debug`; `None` where the layer is not keyed.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.circuit.key()
    }

    /// Follows the transitions: holds the last one, so a slow reader sees the present and not all of
    /// the past. Its first value has equal states and generation 0 while nothing has happened. To see
    /// every transition, see `CircuitBreakerBuilder::on_transition`.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Transition> {
        self.circuit.subscribe()
    }

    /// Rejects all calls until [`reset`](Self::reset). Calls in flight end without a verdict.
    pub fn force_open(&self) {
        self.circuit.force(State::ForcedOpen);
    }

    /// Lets all calls pass, whatever becomes of them, until [`reset`](Self::reset).
    pub fn force_closed(&self) {
        self.circuit.force(State::ForcedClosed);
    }

    /// Closes the circuit as if it were new: no failures, no trips, an empty window. The counts stay.
    pub fn reset(&self) {
        self.circuit.force(State::Closed);
    }
}
