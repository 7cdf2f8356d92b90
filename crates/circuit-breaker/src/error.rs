use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_steady_core::{BoxError, Failure, Outcome, Rounded, Veto, VetoReason};

use crate::breaker::Refusal;
use crate::state::{State, TripReason};

/// The call was not let through, because the circuit is not closed. It was not sent.
///
/// Travels as the source of a [`Failure`] whose outcome is `rejected` with the veto `circuit_open`, so
/// that nothing retries it. [`CircuitOpen::find`] finds it however deep it is wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircuitOpen {
    refusal: Refusal,
    key: Option<Arc<str>>,
}

impl CircuitOpen {
    pub(crate) fn new(refusal: Refusal, key: Option<Arc<str>>) -> Self {
        Self { refusal, key }
    }

    /// The first one in the chain that starts at `error`.
    #[must_use]
    pub fn find(error: &BoxError) -> Option<&Self> {
        match error.downcast_ref() {
            Some(open) => Some(open),
            None => Failure::find(&**error)?.find_source(),
        }
    }

    /// Open, half-open (all probes are under way) or forced open.
    #[must_use]
    pub fn state(&self) -> State {
        self.refusal.state
    }

    /// Why the circuit opened.
    #[must_use]
    pub fn reason(&self) -> TripReason {
        self.refusal.reason
    }

    /// How long the circuit stays open. `None` while probes decide and where it was opened by hand:
    /// then nobody knows.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.refusal.left
    }

    /// The circuit's key, printed by `Debug`; `None` where the layer is not keyed.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The outcome of the call: rejected, and not to be retried.
    pub(crate) fn outcome(&self) -> Outcome {
        let veto = Veto::new(VetoReason::CircuitOpen);
        Outcome::rejected(match self.left() {
            Some(left) => veto.left(left),
            None => veto,
        })
    }

    pub(crate) fn into_failure(self) -> Failure {
        Failure::new(self.outcome(), self)
    }
}

impl fmt::Display for CircuitOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuit {} ({})", self.state(), self.reason())?;
        if let Some(key) = &self.key {
            write!(f, " for {key}")?;
        }
        if let Some(left) = self.left() {
            write!(f, ", {} left", Rounded(left))?;
        }
        Ok(())
    }
}

impl Error for CircuitOpen {}
