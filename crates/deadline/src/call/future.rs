use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::Response;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_steady_core::{BoxError, Class, Failure, Outcome, Veto, VetoReason};

use crate::within::poll_within;
use crate::{DeadlineElapsed, events, metrics};

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
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(Err(refusal()));
        };
        let deadline = *this.deadline;
        let due = || deadline.map(|deadline| (deadline, ()));
        if let Ok(result) = ready!(poll_within(inner, this.alarm, cx, due)) {
            return Poll::Ready(result.map_err(Into::into));
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
