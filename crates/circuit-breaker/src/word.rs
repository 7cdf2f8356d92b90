use crate::state::{State, TripReason};

/// A circuit's state in one atomic word: 40 bits of generation, 3 of mode, 21 of detail.
///
/// One word, so that "this verdict is of the current generation" and "nothing has failed since" are
/// one load and one comparison on the closed path, and so that a change made by compare-and-swap
/// cannot land in a later generation. The detail is the row of failures while closed, and the reason
/// while not.
///
/// 2^40 transitions at one a millisecond last for 34 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

const DETAIL_BITS: u32 = 21;
const MODE_BITS: u32 = 3;
const DETAIL: u64 = (1 << DETAIL_BITS) - 1;
const MODE: u64 = (1 << MODE_BITS) - 1;

/// The longest row of failures that a word can count.
pub(crate) const MAX_ROW: u32 = DETAIL as u32;

impl Word {
    pub(crate) const fn new(generation: u64, state: State, detail: u32) -> Self {
        let mode = match state {
            // Those that let every call pass come first: one comparison tells.
            State::Closed => 0,
            State::ForcedClosed => 1,
            State::Open => 2,
            State::HalfOpen => 3,
            State::ForcedOpen => 4,
        };
        Self(generation << (DETAIL_BITS + MODE_BITS) | mode << DETAIL_BITS | detail as u64 & DETAIL)
    }

    pub(crate) const fn generation(self) -> u64 {
        self.0 >> (DETAIL_BITS + MODE_BITS)
    }

    pub(crate) const fn state(self) -> State {
        match self.0 >> DETAIL_BITS & MODE {
            0 => State::Closed,
            1 => State::ForcedClosed,
            2 => State::Open,
            3 => State::HalfOpen,
            _ => State::ForcedOpen,
        }
    }

    /// `self.state().admits_all()` in one comparison.
    pub(crate) const fn admits_all(self) -> bool {
        self.0 & MODE << DETAIL_BITS < 2 << DETAIL_BITS
    }

    /// Failures since the last success, while closed.
    pub(crate) const fn row(self) -> u32 {
        (self.0 & DETAIL) as u32
    }

    pub(crate) const fn with_row(self, row: u32) -> Self {
        let row = if row > MAX_ROW { MAX_ROW } else { row };
        Self(self.0 & !DETAIL | row as u64)
    }

    /// Why the circuit is not closed.
    pub(crate) const fn reason(self) -> TripReason {
        match self.0 & DETAIL {
            0 => TripReason::ConsecutiveFailures,
            1 => TripReason::FailureCount,
            2 => TripReason::FailureRate,
            3 => TripReason::SlowCallRate,
            4 => TripReason::ProbesFailed,
            _ => TripReason::Forced,
        }
    }

    pub(crate) const fn of_reason(generation: u64, state: State, reason: TripReason) -> Self {
        let detail = match reason {
            TripReason::ConsecutiveFailures => 0,
            TripReason::FailureCount => 1,
            TripReason::FailureRate => 2,
            TripReason::SlowCallRate => 3,
            TripReason::ProbesFailed => 4,
            TripReason::Forced => 5,
        };
        Self::new(generation, state, detail)
    }

    /// Without the detail: what a permit remembers.
    pub(crate) const fn bare(self) -> Self {
        Self(self.0 & !DETAIL)
    }
}
