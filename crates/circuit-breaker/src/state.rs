use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a circuit does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum State {
    /// Calls pass and are watched.
    Closed,
    /// Calls are rejected until the open time is over. The first call after that makes it
    /// [`State::HalfOpen`]: there is no timer behind it, so an idle circuit stays open with no time left.
    Open,
    /// A few probes pass, all other calls are rejected; the probes decide.
    HalfOpen,
    /// Calls are rejected until somebody resets it by hand.
    ForcedOpen,
    /// Calls pass and are counted, and nothing trips it until somebody resets it by hand.
    ForcedClosed,
}

impl State {
    pub(crate) const ALL: [Self; 5] = [
        Self::Closed,
        Self::Open,
        Self::HalfOpen,
        Self::ForcedOpen,
        Self::ForcedClosed,
    ];

    /// The stable name used in logs and metrics, for example `half_open`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
        }
    }

    /// Whether every call passes.
    #[must_use]
    pub const fn admits_all(self) -> bool {
        matches!(self, Self::Closed | Self::ForcedClosed)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a circuit is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum TripReason {
    /// So many calls in a row failed.
    ConsecutiveFailures,
    /// So many calls within the window failed.
    FailureCount,
    /// Too large a share of the calls within the window failed.
    FailureRate,
    /// Too large a share of the calls within the window was slow.
    SlowCallRate,
    /// It was open before, and too many of its probes failed.
    ProbesFailed,
    /// Somebody opened it by hand.
    Forced,
}

impl TripReason {
    /// The stable name used in logs and metrics, for example `failure_rate`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::FailureCount => "failure_count",
            Self::FailureRate => "failure_rate",
            Self::SlowCallRate => "slow_call_rate",
            Self::ProbesFailed => "probes_failed",
            Self::Forced => "forced",
        }
    }
}

impl fmt::Display for TripReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a finished call says about the provider's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It is well: ends a row of failures, closes a half-open circuit.
    Success,
    /// It is not: counts towards a trip, opens a half-open circuit again.
    Failure,
    /// Nothing: a probe that ends so gives its slot back, and the next call probes.
    Ignore,
}

/// A change of state, as listeners and watchers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state now. Equal to `from` for the first value that a watcher sees, and for the reset of a
    /// circuit that was closed.
    pub to: State,
    /// Why the circuit is not closed; `None` once it is.
    pub reason: Option<TripReason>,
    /// Counts the transitions of this circuit: a later one has the larger number. Listeners that run
    /// on several threads may see two of them out of order.
    pub generation: u64,
    /// How many times in a row the circuit has tripped without becoming healthy in between.
    pub trips: u32,
    /// For how long it is open, where it has just been opened.
    pub open_for: Option<Duration>,
    /// The circuit's key, printed by `Debug`; `None` where the layer is not keyed.
    pub key: Option<Arc<str>>,
}

/// What a circuit has counted since it was made. Forcing and resetting do not clear it.
///
/// Every call that was let through ends in exactly one of `successes`, `failures`, `ignored`,
/// `cancelled` and `stale`; one that is in none of them is still in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Counts {
    /// Calls that spoke for the provider's health.
    pub successes: u64,
    /// Calls that spoke against it.
    pub failures: u64,
    /// Calls that said nothing about it, such as rate-limited ones.
    pub ignored: u64,
    /// Calls and streams that were dropped before they were finished.
    pub cancelled: u64,
    /// Calls that ended after the circuit had moved on, or after their probe's lease had been given to
    /// another call. They changed nothing, however they ended.
    pub stale: u64,
    /// Calls among all these that were slow.
    pub slow: u64,
    /// Calls that were not let through.
    pub rejected: u64,
}

/// The calls within the rolling window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WindowCounts {
    /// Calls that count: successes, failures, slow calls, and streams whose output has begun.
    pub calls: u64,
    /// Failures among them.
    pub failures: u64,
    /// Slow ones among them.
    pub slow: u64,
}

impl WindowCounts {
    /// These calls and so many good ones.
    pub(crate) fn and_good(self, good: u64) -> Self {
        // The output of a stream that breaks off now may have begun before the window did.
        let calls = (self.calls + good).max(self.failures).max(self.slow);
        Self { calls, ..self }
    }
}
