use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tower_steady_core::metrics::Name;
use tower_steady_core::{Class, Seeds};

use crate::rules::Rules;
use crate::state::{Transition, Verdict};
use crate::tick::Tick;

/// What is measured against the limit for slow calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlowBy {
    /// The time from sending to the first output of a stream (the head, where that comes with output
    /// or the answer is no stream). Long answers are not slow by being long.
    #[default]
    FirstOutput,
    /// The time from sending to the end of a stream (the head, where the answer is no stream).
    End,
}

/// When the verdict on a stream falls. Failures at the head are judged there in any case, and so is an
/// answer that is no stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JudgeStreams {
    /// When its terminal event or clean end has passed: a stream that breaks off counts as a failure.
    #[default]
    AtEnd,
    /// A probe when its first output has come, so that recovery waits for no long answer; any other
    /// stream at its end, and a probe too where the last failure was a stream that broke after its output
    /// had begun.
    ProbesAtFirstOutput,
    /// When its first output has come: a half-open circuit closes without waiting for long answers,
    /// and one that breaks off after that is not seen.
    AtFirstOutput,
}

/// Called with every transition.
pub(crate) type Listener = Arc<dyn Fn(&Transition) + Send + Sync>;

/// The validated configuration, shared by all circuits of a layer.
pub(crate) struct Settings {
    pub(crate) name: Name,
    /// Whether the time matters for a call that does well: with a window, without which there is no
    /// limit for slow calls either.
    pub(crate) timed: bool,
    pub(crate) rules: Arc<Rules>,
    pub(crate) verdicts: [Verdict; Class::ALL.len()],
    /// In nanoseconds.
    pub(crate) slow_after: Option<u64>,
    pub(crate) slow_by: SlowBy,
    pub(crate) slow_cancels: bool,
    pub(crate) judge_streams: JudgeStreams,
    pub(crate) respond: bool,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) seeds: Seeds,
    pub(crate) origin: Instant,
    pub(crate) max_keys: usize,
    pub(crate) idle_after: Duration,
}

impl Settings {
    /// Reads the clock.
    #[inline]
    pub(crate) fn now(&self) -> Tick {
        Tick::at(Instant::now().saturating_duration_since(self.origin))
    }

    /// A random number in 0..1: the upper 53 bits of a draw, which is what a float holds.
    pub(crate) fn unit(&self) -> f64 {
        (self.seeds.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A failure is the provider's fault; an answer that only a working provider gives is a success, for a
/// circuit that stayed half-open over it would hide from the caller what is wrong with the request. A
/// rate limit and a used-up quota are neither: they are counted at the door, by which an overloaded
/// provider may turn a call away too.
pub(crate) const fn default_verdict(class: Class) -> Verdict {
    match class {
        Class::Overloaded | Class::ServerError | Class::Timeout | Class::Transport => {
            Verdict::Failure
        }
        Class::Success
        | Class::Auth
        | Class::Permission
        | Class::InvalidRequest
        | Class::ContextLength
        | Class::ContentPolicy
        | Class::NotFound
        | Class::TooLarge => Verdict::Success,
        _ => Verdict::Ignore,
    }
}
