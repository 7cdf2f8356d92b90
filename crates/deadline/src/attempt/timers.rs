//! Which timer runs out when. No clock, no runtime.

use std::time::{Duration, Instant};

use tower_steady_core::Deadline;

use crate::Timer;

/// How long each part of an attempt may take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) headers: Option<Duration>,
    pub(crate) first_output: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    /// Whether the deadline of the call bounds the body too, once its output has begun.
    pub(crate) deadline_in_body: bool,
}

/// The moment at which a timer runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Instant,
    pub(crate) timer: Timer,
}

impl Due {
    /// Too long for the clock is never.
    fn after(start: Instant, limit: Option<Duration>, timer: Timer) -> Option<Self> {
        let at = start.checked_add(limit?)?;
        Some(Self { at, timer })
    }

    fn deadline(deadline: Option<Deadline>) -> Option<Self> {
        let at = deadline?.instant();
        let timer = Timer::Deadline;
        Some(Self { at, timer })
    }

    fn earliest<const N: usize>(dues: [Option<Self>; N]) -> Option<Self> {
        dues.into_iter().flatten().min_by_key(|due| due.at)
    }
}

impl Limits {
    pub(crate) const fn any(&self) -> bool {
        self.headers.is_some() || self.first_output.is_some() || self.idle.is_some()
    }

    /// What runs while the head is awaited. Output cannot come before the head, so the time to first
    /// output runs as well. Of two at the same moment the deadline counts.
    pub(crate) fn head(&self, start: Instant, deadline: Option<Deadline>) -> Option<Due> {
        Due::earliest([
            Due::deadline(deadline),
            Due::after(start, self.headers, Timer::Headers),
            Due::after(start, self.first_output, Timer::FirstOutput),
        ])
    }
}

/// What a caller must leave an attempt before the end of its patience is held against the provider. Models
/// take seconds to their first token as a matter of course.
const FAIR: Duration = Duration::from_secs(10);

/// Whether an attempt that took so long to this timer's end says nothing of the provider: a caller's own
/// deadline ended it early. One that the layer imposes is its user's own judgement.
pub(crate) fn is_impatient(timer: Timer, deadline: Option<Deadline>, took: Duration) -> bool {
    timer == Timer::Deadline
        && took < FAIR
        && deadline.is_some_and(|deadline| !deadline.is_imposed())
}

/// The timers of a body. They run while it is awaited: what has arrived is never late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyTimers {
    start: Instant,
    deadline: Option<Deadline>,
    deadline_in_body: bool,
    /// Runs until the first output.
    first_output: Option<Duration>,
    idle: Option<Duration>,
    /// Output has come.
    begun: bool,
    /// Since when nothing but keep-alives has come; `None` if it has not been awaited since.
    quiet_since: Option<Instant>,
    /// When the last keep-alive was handed on, if nobody has polled since.
    handed_on: Option<Instant>,
}

impl BodyTimers {
    /// The timers after the head; `None` if there are none.
    pub(crate) fn new(limits: &Limits, start: Instant, deadline: Option<Deadline>) -> Option<Self> {
        // Where nobody asks for output, it begins with the head.
        let bounds = limits.deadline_in_body || limits.first_output.is_some();
        let timers = Self {
            start,
            deadline: deadline.filter(|_| bounds),
            deadline_in_body: limits.deadline_in_body,
            first_output: limits.first_output,
            idle: limits.idle,
            begun: false,
            quiet_since: None,
            handed_on: None,
        };
        (timers.deadline.is_some() || timers.counts_output()).then_some(timers)
    }

    /// Whether it makes a difference what is output.
    pub(crate) const fn counts_output(&self) -> bool {
        self.first_output.is_some() || self.idle.is_some()
    }

    /// Whether the first output is still to come.
    pub(crate) const fn awaits_first(&self) -> bool {
        self.first_output.is_some()
    }

    /// Output has come.
    pub(crate) fn output(&mut self) {
        self.begun = true;
        self.first_output = None;
        self.deadline = self.deadline.filter(|_| self.deadline_in_body);
        self.quiet_since = None;
        self.handed_on = None;
    }

    /// A keep-alive is handed on, and its reader may stay away.
    pub(crate) fn keep_alive(&mut self, now: Instant) {
        self.handed_on = Some(now);
    }

    /// What runs while the body is awaited at `now`.
    ///
    /// Before the first output its own limit holds alone: a model that thinks for longer than it may
    /// pause later, sending keep-alives, is not idle. The time in which nobody polls does not count,
    /// for it says nothing about the provider.
    pub(crate) fn awaited(&mut self, now: Instant) -> Option<Due> {
        // A reader that was away for so long was not waiting. Shorter absences count, or a flood of
        // keep-alives would never be over.
        let stayed_away = |since| {
            self.idle
                .is_some_and(|idle| now.saturating_duration_since(since) >= idle)
        };
        if self.handed_on.take().is_some_and(stayed_away) {
            self.quiet_since = None;
        }
        let quiet = if self.first_output.is_some() {
            Due::after(self.start, self.first_output, Timer::FirstOutput)
        } else {
            let since = *self.quiet_since.get_or_insert(now);
            Due::after(since, self.idle, Timer::Idle)
        };
        Due::earliest([Due::deadline(self.deadline), quiet])
    }

    /// Whether `due` tells more of the caller than of the provider, from whom output has come or
    /// which had little time.
    pub(crate) fn is_impatient(&self, due: Due) -> bool {
        let alive = due.timer == Timer::Deadline && self.begun;
        alive || is_impatient(due.timer, self.deadline, self.ran(due))
    }

    /// How long the timer that was due then had run.
    pub(crate) fn ran(&self, due: Due) -> Duration {
        let since = match due.timer {
            Timer::Idle => self.quiet_since.unwrap_or(self.start),
            _ => self.start,
        };
        due.at.saturating_duration_since(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    fn limits(headers: u64, first_output: u64, idle: u64) -> Limits {
        let limit = |seconds| s(seconds).filter(|limit| !limit.is_zero());
        Limits {
            headers: limit(headers),
            first_output: limit(first_output),
            idle: limit(idle),
            deadline_in_body: true,
        }
    }

    #[test]
    fn the_earliest_timer_runs_out_first_and_the_deadline_of_two_at_once() {
        let start = Instant::now();
        // (headers, first output, deadline in seconds, 0 for none) → what is due
        let table = [
            ((0, 0, 0), None),
            ((4, 0, 0), Some((4, Timer::Headers))),
            ((4, 9, 0), Some((4, Timer::Headers))),
            ((0, 9, 0), Some((9, Timer::FirstOutput))),
            ((0, 0, 2), Some((2, Timer::Deadline))),
            ((4, 9, 2), Some((2, Timer::Deadline))),
            ((4, 9, 4), Some((4, Timer::Deadline))),
            ((4, 9, 5), Some((4, Timer::Headers))),
        ];
        for ((headers, first_output, deadline), expected) in table {
            let deadline =
                (deadline > 0).then(|| Deadline::at(start + Duration::from_secs(deadline)));
            let due = limits(headers, first_output, 1).head(start, deadline);
            let expected = expected.map(|(after, timer)| Due {
                at: start + Duration::from_secs(after),
                timer,
            });
            assert_eq!(due, expected, "{headers} {first_output} {deadline:?}");
        }
    }

    #[test]
    fn limits_beyond_the_clock_never_run_out() {
        let start = Instant::now();
        let limits = Limits {
            headers: Some(Duration::MAX),
            first_output: Some(Duration::MAX),
            idle: Some(Duration::MAX),
            deadline_in_body: true,
        };
        assert_eq!(limits.head(start, None), None);
        let mut timers = BodyTimers::new(&limits, start, None).unwrap();
        assert_eq!(timers.awaited(start), None);
        timers.output();
        assert_eq!(timers.awaited(start), None);
    }

    #[test]
    fn idle_time_counts_from_when_the_body_is_awaited() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = BodyTimers::new(&limits(0, 30, 5), start, None).unwrap();
        let due = |after, timer| {
            Some(Due {
                at: at(after),
                timer,
            })
        };
        assert_eq!(timers.awaited(at(1)), due(30, Timer::FirstOutput));
        assert_eq!(timers.awaited(at(20)), due(30, Timer::FirstOutput));
        timers.output();
        // Nobody has asked for 70 seconds.
        assert_eq!(timers.awaited(at(90)), due(95, Timer::Idle));
        assert_eq!(timers.awaited(at(93)), due(95, Timer::Idle));
        timers.output();
        assert_eq!(timers.awaited(at(94)), due(99, Timer::Idle));
        let due = timers.awaited(at(94)).unwrap();
        assert_eq!(timers.ran(due), s(5).unwrap());
    }

    #[test]
    fn a_deadline_bounds_the_body_or_by_option_only_until_the_output_begins() {
        let start = Instant::now();
        let deadline = Some(Deadline::at(start + Duration::from_secs(10)));
        // (first output, in the body) → before the first output, after it
        for (first_output, in_body, before, after) in [
            (0, true, Timer::Deadline, Timer::Deadline),
            (60, true, Timer::Deadline, Timer::Deadline),
            (0, false, Timer::Idle, Timer::Idle),
            (60, false, Timer::Deadline, Timer::Idle),
        ] {
            let mut limits = limits(0, first_output, 60);
            limits.deadline_in_body = in_body;
            let mut timers = BodyTimers::new(&limits, start, deadline).unwrap();
            assert_eq!(timers.awaited(start).unwrap().timer, before);
            timers.output();
            assert_eq!(timers.awaited(start).unwrap().timer, after);
        }
    }

    #[test]
    fn a_callers_short_deadline_says_nothing_of_the_provider() {
        let start = Instant::now();
        let caller = Some(Deadline::at(start));
        let imposed = Some(Deadline::imposed(start));
        for (timer, deadline, seconds, impatient) in [
            (Timer::Deadline, caller, 1, true),
            (Timer::Deadline, caller, 9, true),
            (Timer::Deadline, caller, 10, false),
            (Timer::Deadline, imposed, 1, false),
            (Timer::Headers, caller, 1, false),
            (Timer::FirstOutput, caller, 1, false),
        ] {
            let took = Duration::from_secs(seconds);
            let is = is_impatient(timer, deadline, took);
            assert_eq!(is, impatient, "{timer} {seconds}");
        }
        // Nor does a deadline that ends a stream which is alive, be it imposed.
        let mut timers = BodyTimers::new(&limits(0, 60, 60), start, imposed).unwrap();
        let due = timers.awaited(start).unwrap();
        assert!(!timers.is_impatient(due));
        timers.output();
        assert!(timers.is_impatient(due));
    }
}
