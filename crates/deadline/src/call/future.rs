use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use http::Response;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_steady_core::{BoxError, Class, Failure, LastPoll, Outcome, Veto, VetoReason};

use crate::{DeadlineElapsed, clock, events, metrics};

pin_project! {
    /// The future of a [`DeadlineService`](crate::DeadlineService).
    pub struct DeadlineFuture<F> {
        // None: not sent, or given up.
        #[pin]
        inner: Option<F>,
        deadline: Option<Instant>,
        #[pin]
        alarm: Option<Sleep>,
    }
}

impl<F> DeadlineFuture<F> {
    pub(crate) const fn unbounded(inner: F) -> Self {
        Self {
            inner: Some(inner),
            deadline: None,
            alarm: None,
        }
    }

    pub(crate) const fn until(deadline: Instant, inner: F) -> Self {
        Self {
            inner: Some(inner),
            deadline: Some(deadline),
            alarm: None,
        }
    }

    pub(crate) const fn too_late() -> Self {
        Self {
            inner: None,
            deadline: None,
            alarm: None,
        }
    }
}

impl<F, RB, E> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<RB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(Err(refusal()));
        };
        let mut last = None;
        // First the call: an attempt that has reached the deadline too knows more about it. One place that
        // polls, which the compiler can inline into.
        loop {
            if let Poll::Ready(result) = inner.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(Into::into));
            }
            if last.is_some() {
                break;
            }
            let Some(deadline) = *this.deadline else {
                return Poll::Pending;
            };
            if !clock::is_due_lazily(deadline, this.alarm.as_mut(), cx) {
                return Poll::Pending;
            }
            last = Some(LastPoll::begin());
        }
        // Gives connection and permits back now, not when the caller drops the future.
        this.inner.set(None);
        Poll::Ready(Err(elapsed()))
    }
}

impl<F> fmt::Debug for DeadlineFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineFuture")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// The call came too late to be sent.
pub(crate) fn refusal() -> BoxError {
    let outcome = Outcome::rejected(Veto::new(VetoReason::Deadline));
    events::came_late(outcome.class);
    metrics::came_late();
    Failure::new(outcome, DeadlineElapsed::new(false)).into()
}

fn elapsed() -> BoxError {
    let mut outcome = Outcome::new(Class::Timeout);
    outcome.rule = Some("deadline");
    outcome.forbid(Veto::new(VetoReason::Deadline));
    events::ran_out(outcome.class);
    metrics::ran_out();
    Failure::new(outcome, DeadlineElapsed::new(true)).into()
}
