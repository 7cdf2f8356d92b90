use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::Rounded;

/// Why there is no further try, and where it is known, when one would make sense.
///
/// A veto forbids retries to every layer further out, whatever the class says. Giving up writes one
/// too, so that nested retry layers do not multiply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veto {
    reason: VetoReason,
    left: Option<Duration>,
    detail: Option<Cow<'static, str>>,
}

/// The reason of a [`Veto`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VetoReason {
    /// The circuit to this provider is open.
    CircuitOpen,
    /// The retry budget has no token left.
    Budget,
    /// A spend limit is reached.
    Spend,
    /// Calls with this key are paused, at the server's own request.
    Paused,
    /// All attempts are used.
    Attempts,
    /// The server wants us to stay away longer than the configured cap.
    WaitOverCap,
    /// The caller's deadline leaves no room for another try.
    Deadline,
    /// The request's body cannot be sent again. A `ReplayBody` has gone over its limit, of which its own
    /// event tells, or its source has failed; the retry layer knows no more than that, so no figures.
    NotReplayable,
    /// The request must not be repeated, and the provider may have processed it.
    NotIdempotent,
    /// The next try could not be sent: a layer here refused it, or was not ready for it.
    NotSent,
}

impl VetoReason {
    /// The stable name used in logs and metrics, for example `circuit_open`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit_open",
            Self::Budget => "budget",
            Self::Spend => "spend",
            Self::Paused => "paused",
            Self::Attempts => "attempts",
            Self::WaitOverCap => "wait_over_cap",
            Self::Deadline => "deadline",
            Self::NotReplayable => "not_replayable",
            Self::NotIdempotent => "not_idempotent",
            Self::NotSent => "not_sent",
        }
    }
}

impl fmt::Display for VetoReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Veto {
    /// A veto with nothing but its reason.
    #[must_use]
    pub const fn new(reason: VetoReason) -> Self {
        Self {
            reason,
            left: None,
            detail: None,
        }
    }

    /// Adds how long it lasts from now.
    #[must_use]
    pub const fn left(mut self, left: Duration) -> Self {
        self.left = Some(left);
        self
    }

    /// Adds the figures for a person: which limit, how much of it is used.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> VetoReason {
        self.reason
    }

    /// How long it lasts, counted from when the veto was written, where that is known.
    #[must_use]
    pub const fn time_left(&self) -> Option<Duration> {
        self.left
    }

    /// The figures, where there are any.
    #[must_use]
    pub fn details(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)?;
        if let Some(left) = self.left {
            write!(f, " for {}", Rounded(left))?;
        }
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        Ok(())
    }
}
