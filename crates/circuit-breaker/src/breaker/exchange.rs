//! What goes into the core and what comes out of it.

use std::time::Duration;

use crate::state::{State, TripReason};
use crate::word::Word;

/// What one call was let through with. Of no use in a later generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// Generation and state at admission.
    pub(super) word: Word,
    /// The lease of a probe, counted from 1 in each generation; 0 for a normal call.
    pub(super) probe: u32,
    /// The row of failures that `Breaker::begin` has ended, once it has counted the call.
    pub(super) begun: Option<u32>,
}

/// Why a call was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) state: State,
    pub(crate) reason: TripReason,
    /// How long the circuit stays open; unknown while probes decide, or by hand.
    pub(crate) left: Option<Duration>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    Failure,
    Ignored,
    Cancelled,
}

/// A transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) reason: Option<TripReason>,
    pub(crate) generation: u64,
    pub(crate) trips: u32,
    pub(crate) open_for: Option<Duration>,
}

/// A look at the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) state: State,
    pub(crate) reason: Option<TripReason>,
    pub(crate) left: Option<Duration>,
    pub(crate) generation: u64,
}

impl Refusal {
    pub(super) fn new(word: Word, left: Option<Duration>) -> Self {
        Self {
            state: word.state(),
            reason: word.reason(),
            left,
        }
    }
}

impl Ticket {
    pub(crate) const fn is_probe(&self) -> bool {
        self.probe != 0
    }

    #[cfg(steady_loom)]
    pub(crate) const fn generation(&self) -> u64 {
        self.word.generation()
    }
}
