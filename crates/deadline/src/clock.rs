use std::pin::Pin;
use std::task::Context;
use std::time::{Duration, Instant};

use tokio::time::{Instant as TokioInstant, Sleep};
use tower_steady_core::Deadline;

/// As good as never: thirty years, which tokio's timer still takes.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// A deadline `left` from now, by tokio's clock.
///
/// [`std::time::Instant::now`] does not know of tokio's paused clock: a deadline made from it may be
/// long past, or never come, in a test that advances time. Spans too long for the clock become
/// thirty years.
///
/// ```
/// use std::time::Duration;
/// use http::Request;
/// use tower_steady_core::Deadline;
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(tower_steady_deadline::after(Duration::from_secs(10)));
/// assert!(Deadline::of(request.extensions()).is_some());
/// ```
#[must_use]
pub fn after(left: Duration) -> Deadline {
    let now = now();
    Deadline::at(now.checked_add(left).unwrap_or_else(|| now + NEVER))
}

/// The time by tokio's clock.
pub(crate) fn now() -> Instant {
    TokioInstant::now().into_std()
}

/// A sleep until `due`.
pub(crate) fn sleep_until(due: Instant) -> Sleep {
    tokio::time::sleep_until(TokioInstant::from_std(due))
}

/// Whether `due` has come; if not, the task is woken when it has.
///
/// The clock decides and the sleep is but an alarm: two timers that are due at once then cannot be
/// told apart by the order in which the runtime gets round to them, and a task that has used up its
/// cooperative budget still sees that its time is over. An alarm set too early is moved only once it
/// rings, so a timer that is put off with every chunk of a stream costs nothing with most of them.
pub(crate) fn is_due(
    due: Instant,
    now: Instant,
    mut alarm: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
) -> bool {
    if now >= due {
        return true;
    }
    let due = TokioInstant::from_std(due);
    if alarm.deadline() > due {
        alarm.as_mut().reset(due);
    }
    if alarm.as_mut().poll(cx).is_pending() {
        return false;
    }
    alarm.as_mut().reset(due);
    alarm.poll(cx).is_ready()
}

/// The same with an alarm that is only set when it is first needed.
pub(crate) fn is_due_lazily(
    due: Instant,
    mut alarm: Pin<&mut Option<Sleep>>,
    cx: &mut Context<'_>,
) -> bool {
    if alarm.is_none() {
        alarm.set(Some(sleep_until(due)));
    }
    alarm
        .as_pin_mut()
        .is_some_and(|alarm| is_due(due, now(), alarm, cx))
}
