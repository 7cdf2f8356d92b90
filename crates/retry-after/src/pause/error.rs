use std::error::Error;
use std::fmt;
use std::time::Duration;

use tower_steady_core::{BoxError, Failure, Outcome, Rounded, Veto, VetoReason};

/// A call that was not sent, because its key is paused or paced.
///
/// Stands as the source of a [`Failure`] whose outcome is `rejected` with the veto
/// [`VetoReason::Paused`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    left: Duration,
    reason: PausedReason,
}

/// Why a call did not wait for the end of the pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PausedReason {
    /// It would have waited longer than `max_wait`, or has.
    MaxWait,
    /// It would have waited past its deadline, or has.
    Deadline,
    /// As many calls of its key as may wait do already, or more than would leave it half of its time.
    QueueFull,
}

impl PausedReason {
    /// The stable name used in logs, for example `queue_full`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxWait => "max_wait",
            Self::Deadline => "deadline",
            Self::QueueFull => "queue_full",
        }
    }
}

impl fmt::Display for PausedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Paused {
    pub(crate) const fn new(left: Duration, reason: PausedReason) -> Self {
        Self { left, reason }
    }

    /// How long until the call could have gone: the rest of the pause, and its turn at the present
    /// rate, counted from the rejection.
    #[must_use]
    pub const fn left(&self) -> Duration {
        self.left
    }

    /// Why it did not wait.
    #[must_use]
    pub const fn reason(&self) -> PausedReason {
        self.reason
    }

    pub(crate) fn into_failure(self) -> BoxError {
        let veto = Veto::new(VetoReason::Paused)
            .left(self.left)
            .detail(self.reason.as_str());
        Failure::new(Outcome::rejected(veto), self).into()
    }
}

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = Rounded(self.left);
        let refused = match self.reason {
            PausedReason::MaxWait => ", longer than a call may wait",
            PausedReason::Deadline => ", past the deadline",
            PausedReason::QueueFull => ", and too many calls wait",
        };
        write!(f, "paused at the server's request for {left}{refused}")
    }
}

impl Error for Paused {}
