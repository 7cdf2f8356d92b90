use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;
use tower_steady_core::LastPoll;

use crate::clock;

/// Polls `inner` within its time: until the instant that `due` gives, if any, and then once more. What
/// comes with the instant is the error once it has passed.
///
/// First the call and then the clock: an attempt that has reached the deadline too knows more about it.
/// One place that polls, which the compiler can inline into.
#[inline]
pub(crate) fn poll_within<F: Future, T>(
    mut inner: Pin<&mut F>,
    mut alarm: Pin<&mut Option<Sleep>>,
    cx: &mut Context<'_>,
    due: impl Fn() -> Option<(Instant, T)>,
) -> Poll<Result<F::Output, T>> {
    let mut over = None;
    loop {
        if let Poll::Ready(output) = inner.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if let Some((what, _last)) = over {
            return Poll::Ready(Err(what));
        }
        let Some((at, what)) = due() else {
            return Poll::Pending;
        };
        if !clock::is_due_lazily(at, alarm.as_mut(), cx) {
            return Poll::Pending;
        }
        over = Some((what, LastPoll::begin()));
    }
}
