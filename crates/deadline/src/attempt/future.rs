use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_steady_core::{BoxError, Class, Deadline, Failure, Outcome};

use super::ResponseBody;
use super::timers::{Due, Limits, is_impatient};
use crate::call::refusal;
use crate::within::poll_within;
use crate::{AttemptElapsed, Timer, events, metrics};

/// What bounds an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    pub(crate) limits: Limits,
    pub(crate) start: Instant,
    pub(crate) deadline: Option<Deadline>,
    pub(crate) attempt: u32,
}

pin_project! {
    /// The future of an [`AttemptTimeout`](crate::AttemptTimeout).
    pub struct AttemptFuture<F> {
        // None: not sent, or given up.
        #[pin]
        inner: Option<F>,
        watch: Option<Watch>,
        #[pin]
        alarm: Option<Sleep>,
    }
}

impl<F> AttemptFuture<F> {
    pub(crate) const fn unlimited(inner: F) -> Self {
        Self {
            inner: Some(inner),
            watch: None,
            alarm: None,
        }
    }

    pub(crate) const fn limited(watch: Watch, inner: F) -> Self {
        Self {
            inner: Some(inner),
            watch: Some(watch),
            alarm: None,
        }
    }

    pub(crate) const fn too_late() -> Self {
        Self {
            inner: None,
            watch: None,
            alarm: None,
        }
    }
}

impl<F, RB, E> Future for AttemptFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
    E: Into<BoxError>,
    RB: Body,
{
    type Output = Result<Response<ResponseBody<RB>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(Err(refusal()));
        };
        let watch = this.watch.as_ref();
        let due = || {
            let watch = watch?;
            let due = watch.limits.head(watch.start, watch.deadline)?;
            Some((due.at, (watch, due)))
        };
        let (watch, due) = match ready!(poll_within(inner, this.alarm, cx, due)) {
            Ok(Ok(response)) => return Poll::Ready(Ok(ResponseBody::wrap(response, watch))),
            Ok(Err(error)) => return Poll::Ready(Err(error.into())),
            Err(over) => over,
        };
        // Gives the connection back now, not when the caller drops the future.
        this.inner.set(None);
        Poll::Ready(Err(elapsed(watch, due)))
    }
}

impl<F> fmt::Debug for AttemptFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptFuture")
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}

fn elapsed(watch: &Watch, due: Due) -> BoxError {
    let time = due.at.saturating_duration_since(watch.start);
    let (mut outcome, error) = expire(due.timer, time, watch.attempt);
    outcome.impatient = is_impatient(due.timer, watch.deadline, time);
    Failure::new(outcome, error).into()
}

/// The outcome and the error of a timer that has run out, which is logged.
pub(crate) fn expire(timer: Timer, time: Duration, attempt: u32) -> (Outcome, AttemptElapsed) {
    let mut outcome = Outcome::new(Class::Timeout);
    outcome.rule = Some(timer.rule());
    events::timed_out(outcome.class, attempt, timer, time);
    metrics::timed_out(timer);
    (outcome, AttemptElapsed::new(timer, time))
}
