use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tower_steady_core::{BoxError, TryClone};

use crate::metrics;
use crate::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering};
use crate::tape::{Reader, Tape};

/// A body that can be sent again, as long as it stays within a limit.
///
/// [`try_clone`](TryClone::try_clone) makes a copy that yields the same bytes and trailers from the
/// start: first what has been read already, then the rest of the wrapped body. It answers `None`
/// once that is not possible any more:
///
/// - the body has gone over its limit; the copy that is being read goes on, undisturbed;
/// - the body is being read and no copy of it had been made, or all of them are gone: without one,
///   nothing is kept, so the last attempt costs no memory;
/// - the wrapped body has failed: another attempt could only fail in the same way.
///
/// So it is not [`Clone`], which cannot say no.
///
/// All copies read the same source, so only one can be read at a time: whichever begins last. The
/// one before it, should its connection still hold it, is woken and gets
/// [`Superseded`](crate::Superseded). A copy of an earlier attempt that its connection has not even
/// begun to read cannot come back and take the source away from a later one: of the copies not yet
/// begun, only the two that took part in the latest `try_clone`, the one made and the one it was
/// made from, may interrupt. So it does not matter whether a retry loop sends the copies that it
/// makes of the one it keeps or, as the last, the kept one itself.
/// Whoever has kept a copy of his own for later, as a fallback does, sends a fresh one made of it.
///
/// [`size_hint`](Body::size_hint) and [`is_end_stream`](Body::is_end_stream) are as exact as those
/// of the wrapped body, for every copy. Chunks of 512 bytes and more are kept by reference count,
/// smaller ones are gathered. `Send` and `Sync` if the wrapped body is `Send`.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::{BodyExt, Full};
/// use tower_steady_core::TryClone;
/// use tower_steady_replay_body::ReplayBody;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_steady_core::BoxError> {
/// let first = ReplayBody::new(Full::new(Bytes::from("once more")), 1024);
/// let kept = first.try_clone().expect("nothing has been read yet");
/// assert_eq!(first.collect().await?.to_bytes(), "once more");
///
/// let second = kept.try_clone().expect("within the limit");
/// assert_eq!(second.collect().await?.to_bytes(), "once more");
/// # Ok(())
/// # }
/// ```
pub struct ReplayBody<B> {
    /// `None` is a body without a single frame, which needs no tape.
    copy: Option<Handle<B>>,
}

struct Handle<B> {
    // A lock for each frame is nothing beside the frame's way through a socket, and polling the
    // source under it is what lets a newer copy take over from any thread. It is never contended
    // but in that moment.
    tape: Arc<Mutex<Tape<B>>>,
    reader: Reader,
    round: AtomicU64,
}

impl<B: Body> ReplayBody<B> {
    /// Wraps `body`, of which up to `limit` bytes, trailers included, can be sent again.
    ///
    /// A limit of 0, or one below the lower bound of the body's size hint, makes it pass through
    /// once, and nothing is kept.
    #[must_use]
    pub fn new(body: B, limit: usize) -> Self {
        if body.is_end_stream() {
            return Self { copy: None };
        }
        let lower = body.size_hint().lower();
        let fits = usize::try_from(lower).is_ok_and(|lower| lower <= limit);
        if !fits && limit > 0 {
            note_over(limit);
        }
        let (tape, reader) = Tape::new(body, limit, fits && limit > 0);
        Self {
            copy: Some(Handle {
                tape: Arc::new(Mutex::new(tape)),
                reader,
                round: AtomicU64::new(0),
            }),
        }
    }
}

impl<B> TryClone for ReplayBody<B> {
    fn try_clone(&self) -> Option<Self> {
        let Some(copy) = &self.copy else {
            return Some(Self { copy: None });
        };
        let mut tape = lock(&copy.tape);
        let (reader, round) = tape.copy()?;
        // Relaxed: read and written under the lock of the tape, or by whoever holds the copy alone.
        copy.round.store(round, Ordering::Relaxed);
        drop(tape);
        Some(Self {
            copy: Some(Handle {
                tape: Arc::clone(&copy.tape),
                reader,
                round: AtomicU64::new(round),
            }),
        })
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(copy) = &mut self.get_mut().copy else {
            return Poll::Ready(None);
        };
        let round = copy.round.load(Ordering::Relaxed);
        let polled = lock(&copy.tape).poll_frame(&mut copy.reader, round, cx);
        // Wakers run code that is not ours, so they wait until the lock is released.
        if let Some(superseded) = polled.wake {
            superseded.wake();
        }
        drop(polled.retired);
        if let Some(limit) = polled.over {
            note_over(limit);
        }
        polled.frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.copy {
            Some(copy) => lock(&copy.tape).is_end_stream(&copy.reader),
            None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.copy {
            Some(copy) => lock(&copy.tape).size_hint(&copy.reader),
            None => SizeHint::with_exact(0),
        }
    }
}

impl<B> Drop for Handle<B> {
    fn drop(&mut self) {
        let retired = lock(&self.tape).release(&mut self.reader);
        drop(retired);
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the tape: it is a body, and formatting must not wait for a lock.
        f.debug_struct("ReplayBody")
            .field("empty", &self.copy.is_none())
            .field("reader", &self.copy.as_ref().map(|copy| &copy.reader))
            .finish_non_exhaustive()
    }
}

/// A source that panics in its poll leaves the tape as it was before: the poison is no news.
fn lock<B>(tape: &Mutex<Tape<B>>) -> MutexGuard<'_, Tape<B>> {
    tape.lock().unwrap_or_else(|poison| poison.into_inner())
}

fn note_over(limit: usize) {
    tracing::debug!(
        target: "tower_steady_replay_body",
        reason = "over_limit",
        limit,
        "request body cannot be sent again"
    );
    metrics::over_limit();
}
