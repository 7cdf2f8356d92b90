//! Dropping a future at every point where it can be dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How a future ended under [`at_every_poll`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Dropped<T> {
    /// It was dropped after this many polls, 0 being before the first.
    After(usize),
    /// It was left alone and came to its end.
    Finished(T),
}

/// A future that nothing wakes for this long, on tokio's clock, is taken to wait for ever.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24);

/// Makes a future again and again and drops the first before its first poll, the next after its first
/// poll, the next after its second, until one comes to its end. Between polls it waits to be woken, as
/// any task does. Calls `check` each time; returns the number of futures that were dropped.
///
/// On a paused clock this takes no time, and a future that waits for ever (for a provider that
/// hangs) counts as at its end: `check` sees it dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tokio::sync::Semaphore;
/// use tower_steady_testkit::cancel;
///
/// let permits = Arc::new(Semaphore::new(1));
/// let dropped = cancel::at_every_poll(
///     || {
///         let permits = permits.clone();
///         async move {
///             let _permit = permits.acquire().await;
///             tokio::time::sleep(Duration::from_secs(1)).await;
///         }
///     },
///     async |_| assert_eq!(permits.available_permits(), 1),
/// )
/// .await;
/// assert_eq!(dropped, 2);
/// # }
/// ```
pub async fn at_every_poll<F: Future>(
    mut make: impl FnMut() -> F,
    mut check: impl AsyncFnMut(Dropped<F::Output>),
) -> usize {
    for polls in 0.. {
        let limited = Limited {
            future: Box::pin(make()),
            left: polls,
        };
        let end = tokio::select! {
            // First, so that the end of for ever is no poll of the future.
            biased;
            () = tokio::time::sleep(FOR_EVER) => End::Never,
            end = limited => end,
        };
        match end {
            End::Finished(output) => {
                check(Dropped::Finished(output)).await;
                return polls;
            }
            End::Cut => check(Dropped::After(polls)).await,
            End::Never => {
                check(Dropped::After(polls)).await;
                return polls + 1;
            }
        }
    }
    unreachable!("polls are counted without end")
}

/// A future that is over after so many polls.
struct Limited<F> {
    future: Pin<Box<F>>,
    left: usize,
}

enum End<T> {
    Finished(T),
    Cut,
    Never,
}

impl<F: Future> Future for Limited<F> {
    type Output = End<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(End::Cut);
        }
        self.left -= 1;
        match self.future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(End::Finished(output)),
            Poll::Pending if self.left == 0 => Poll::Ready(End::Cut),
            Poll::Pending => Poll::Pending,
        }
    }
}
