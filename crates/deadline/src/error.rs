use std::error::Error;
use std::fmt;
use std::time::Duration;

use tower_steady_core::Rounded;

/// The deadline of a call has passed.
///
/// The source of the [`Failure`](tower_steady_core::Failure) that the deadline layer answers with,
/// and of the one that an attempt gets which would begin after the deadline.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineElapsed {
    sent: bool,
}

impl DeadlineElapsed {
    pub(crate) const fn new(sent: bool) -> Self {
        Self { sent }
    }

    /// Whether the call had begun. If not, the deadline had passed before it came here.
    #[must_use]
    pub const fn sent(&self) -> bool {
        self.sent
    }
}

impl fmt::Display for DeadlineElapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.sent {
            "the deadline of the call has passed"
        } else {
            "the deadline of the call had passed before it began"
        })
    }
}

impl Error for DeadlineElapsed {}

/// The timers of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// Time to the head of the response.
    Headers,
    /// Time to the first output.
    FirstOutput,
    /// Time without output, once it has begun.
    Idle,
    /// The deadline of the whole call.
    Deadline,
}

impl Timer {
    /// The stable name used in logs and metrics: `headers`, `first_output`, `idle` or `deadline`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::FirstOutput => "first_output",
            Self::Idle => "idle",
            Self::Deadline => "deadline",
        }
    }

    /// The same as the rule of an outcome.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::Headers => "timer_headers",
            Self::FirstOutput => "timer_first_output",
            Self::Idle => "timer_idle",
            Self::Deadline => "timer_deadline",
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A timer of an attempt has run out.
///
/// The source of the [`Failure`](tower_steady_core::Failure) that the attempt, or its body, ends
/// with.
#[derive(Clone, Copy, Debug)]
pub struct AttemptElapsed {
    timer: Timer,
    time: Duration,
}

impl AttemptElapsed {
    pub(crate) const fn new(timer: Timer, time: Duration) -> Self {
        Self { timer, time }
    }

    /// Which timer.
    #[must_use]
    pub const fn timer(&self) -> Timer {
        self.timer
    }

    /// How long that timer ran: the configured limit, or for the deadline the time that it left the
    /// attempt.
    #[must_use]
    pub const fn time(&self) -> Duration {
        self.time
    }
}

impl fmt::Display for AttemptElapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Rounded(self.time);
        match self.timer {
            Timer::Headers => write!(f, "no response headers within {time}"),
            Timer::FirstOutput => write!(f, "no output within {time}"),
            Timer::Idle => write!(f, "no further output for {time}"),
            Timer::Deadline => write!(f, "deadline reached {time} into the attempt"),
        }
    }
}

impl Error for AttemptElapsed {}
