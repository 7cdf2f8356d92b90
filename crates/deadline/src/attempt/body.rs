use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Buf;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_steady_core::{BoxError, Class, Failure, StreamOutcome};

use super::future::{Watch, expire};
use super::sse::KeepAlives;
use super::timers::{BodyTimers, Due};
use crate::clock;

pin_project! {
    /// A response's body, bounded by the timers of its attempt.
    ///
    /// A timer that runs out ends the body with a [`Failure`] of class `timeout` and is written to
    /// the response's [`StreamOutcome`], if it has one. Where that says that the stream is complete
    /// already, the body just ends: nothing is missing but the provider's hanging up.
    ///
    /// Trailers, size hint and end are the inner body's. Allocates once, when it is first awaited.
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        // None: unbounded, or at its end.
        timed: Option<Timed>,
        // Boxed so that the body is `Unpin` when the inner one is.
        alarm: Option<Pin<Box<Sleep>>>,
        done: bool,
    }
}

/// The timers of a body, and what tells them that output has come.
#[derive(Debug)]
struct Timed {
    timers: BodyTimers,
    attempt: u32,
    note: Option<StreamOutcome>,
    keep_alives: Option<KeepAlives>,
}

impl<B: Body> ResponseBody<B> {
    pub(crate) fn wrap(response: Response<B>, watch: Option<&Watch>) -> Response<Self> {
        let timed = watch
            .filter(|_| !response.body().is_end_stream())
            .and_then(|watch| Timed::new(&response, watch));
        response.map(|inner| Self {
            inner,
            timed,
            alarm: None,
            done: false,
        })
    }
}

impl Timed {
    fn new<B>(response: &Response<B>, watch: &Watch) -> Option<Self> {
        let mut timers = BodyTimers::new(&watch.limits, watch.start, watch.deadline)?;
        let note = response.extensions().get::<StreamOutcome>().cloned();
        if note.as_ref().is_some_and(StreamOutcome::has_output) {
            timers.output();
        }
        let counts = timers.counts_output() && is_event_stream(response.headers());
        Some(Self {
            timers,
            attempt: watch.attempt,
            note,
            keep_alives: counts.then(KeepAlives::new),
        })
    }

    /// Takes note of `data`; false if it is but a keep-alive.
    fn arrived(&mut self, data: &impl Buf) -> bool {
        if !self.timers.counts_output() {
            if data.has_remaining() {
                self.timers.output();
            }
            return true;
        }
        let Some(keep_alives) = &mut self.keep_alives else {
            if data.has_remaining() {
                self.timers.output();
            }
            return true;
        };
        // In pieces it could be read only by copying it.
        let whole = data.chunk().len() == data.remaining();
        if whole && !keep_alives.has_output(data.chunk()) {
            return false;
        }
        // Whoever leaves the note knows better when output begins; that it goes on shows here.
        match &self.note {
            Some(note) if self.timers.awaits_first() && !note.has_output() => {}
            _ => self.timers.output(),
        }
        true
    }

    /// What is due next, for a body that is awaited at `now`.
    fn awaited(&mut self, now: Instant) -> Option<Due> {
        if self.timers.awaits_first() && self.note.as_ref().is_some_and(StreamOutcome::has_output) {
            self.timers.output();
        }
        self.timers.awaited(now)
    }

    /// The end of a body whose timer has run out. `None` if it was complete.
    fn expire(&self, due: Due) -> Option<BoxError> {
        let complete = |note: &StreamOutcome| {
            note.verdict()
                .is_some_and(|verdict| verdict.class == Class::Success)
        };
        if self.note.as_ref().is_some_and(complete) {
            return None;
        }
        let (mut outcome, error) = expire(due.timer, self.timers.ran(due), self.attempt);
        outcome.impatient = self.timers.is_impatient(due);
        if let Some(note) = &self.note {
            note.finish(outcome.clone());
        }
        Some(Failure::new(outcome, error).into())
    }
}

/// Whether the body is an event stream whose bytes can be read.
fn is_event_stream(headers: &HeaderMap) -> bool {
    const EVENT_STREAM: &[u8] = b"text/event-stream";
    let plain = match headers.get(CONTENT_ENCODING) {
        None => true,
        Some(encoding) => encoding.as_bytes().eq_ignore_ascii_case(b"identity"),
    };
    plain
        && headers.get(CONTENT_TYPE).is_some_and(|value| {
            let value = value.as_bytes();
            value
                .get(..EVENT_STREAM.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(EVENT_STREAM))
                && matches!(
                    value.get(EVENT_STREAM.len()),
                    None | Some(b';' | b' ' | b'\t')
                )
        })
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        if *this.done {
            return Poll::Ready(None);
        }
        let polled = this.inner.poll_frame(cx).map_err(Into::into);
        let Some(timed) = this.timed else {
            return polled;
        };
        let due = match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if frame.data_ref().is_none_or(|data| timed.arrived(data)) {
                    return polled;
                }
                // A flood of keep-alives must not hold off the timers.
                let now = clock::now();
                let due = timed.awaited(now).filter(|due| due.at <= now);
                timed.timers.keep_alive(now);
                due
            }
            Poll::Ready(_) => {
                *this.timed = None;
                return polled;
            }
            Poll::Pending => {
                let now = clock::now();
                timed.awaited(now).filter(|due| {
                    let alarm = this
                        .alarm
                        .get_or_insert_with(|| Box::pin(clock::sleep_until(due.at)));
                    clock::is_due(due.at, now, alarm.as_mut(), cx)
                })
            }
        };
        let Some(due) = due else {
            return polled;
        };
        *this.done = true;
        Poll::Ready(timed.expire(due).map(Err))
    }

    fn is_end_stream(&self) -> bool {
        self.done || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.done {
            SizeHint::with_exact(0)
        } else {
            self.inner.size_hint()
        }
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("timed", &self.timed)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
