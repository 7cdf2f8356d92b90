use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::chunks::Chunks;
use crate::events;
use crate::metrics;
use crate::stream::{Signal, Watch};
use crate::transport::classify_body_error;

pin_project! {
    /// The response's body as it came: the same bytes, chunks, trailers and errors.
    ///
    /// An error body that was read to its end is held here without its connection. A stream's is
    /// watched for its terminal event and late errors, which go to the
    /// [`StreamOutcome`](tower_steady_core::StreamOutcome) in the response's extensions.
    pub struct ResponseBody<B: Body> {
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<B: Body> {
        /// Nobody looked.
        Plain { #[pin] body: B },
        /// Looked at, whole and in one chunk: nothing of the body itself is kept.
        Whole { chunk: Option<Bytes> },
        /// Looked at. Rare and large, so that it is somewhere else and the others stay small.
        Seen { seen: Box<Seen<B>> },
    }
}

/// First what was read, then what follows.
struct Seen<B: Body> {
    chunks: Chunks,
    rest: Rest<B>,
}

/// What follows the part that was looked at.
pub(crate) enum Rest<B: Body> {
    /// Nothing: the body was read to its end.
    Nothing,
    /// The error in which it ended.
    Error(Option<B::Error>),
    /// The rest of it.
    Body(Pin<Box<B>>),
    /// The rest of a stream, and who watches it.
    Watched(Pin<Box<B>>, Box<Watch>),
}

impl<B: Body> ResponseBody<B> {
    #[inline]
    pub(crate) fn plain(body: B) -> Self {
        Self {
            state: State::Plain { body },
        }
    }

    pub(crate) fn whole(chunk: Bytes) -> Self {
        Self {
            state: State::Whole { chunk: Some(chunk) },
        }
    }

    pub(crate) fn seen(chunks: Chunks, rest: Rest<B>) -> Self {
        Self {
            state: State::Seen {
                seen: Box::new(Seen { chunks, rest }),
            },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B>
where
    B::Error: 'static,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().state.project() {
            StateProj::Plain { body } => body.poll_frame(cx),
            StateProj::Whole { chunk } => Poll::Ready(chunk.take().map(Frame::data).map(Ok)),
            StateProj::Seen { seen } => {
                let Seen { chunks, rest } = &mut **seen;
                if let Some(chunk) = chunks.pop() {
                    return Poll::Ready(Some(Ok(Frame::data(chunk))));
                }
                if let Some(trailers) = chunks.trailers.take() {
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                rest.poll_frame(cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Plain { body } => body.is_end_stream(),
            State::Whole { chunk } => chunk.is_none(),
            State::Seen { seen } => {
                seen.chunks.is_empty()
                    && match &seen.rest {
                        Rest::Nothing => true,
                        Rest::Error(error) => error.is_none(),
                        Rest::Body(body) | Rest::Watched(body, _) => body.is_end_stream(),
                    }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Plain { body } => body.size_hint(),
            State::Whole { chunk } => {
                SizeHint::with_exact(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64))
            }
            State::Seen { seen } => {
                let Seen { chunks, rest } = &**seen;
                let seen = chunks.len() as u64;
                match rest {
                    Rest::Nothing => SizeHint::with_exact(seen),
                    Rest::Error(_) => {
                        let mut hint = SizeHint::new();
                        hint.set_lower(seen);
                        hint
                    }
                    Rest::Body(body) | Rest::Watched(body, _) => {
                        let rest = body.size_hint();
                        let mut hint = SizeHint::new();
                        hint.set_lower(rest.lower().saturating_add(seen));
                        if let Some(upper) = rest.upper() {
                            hint.set_upper(upper.saturating_add(seen));
                        }
                        hint
                    }
                }
            }
        }
    }
}

impl<B: Body<Data = Bytes>> Rest<B>
where
    B::Error: 'static,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self {
            Self::Nothing => Poll::Ready(None),
            Self::Error(error) => Poll::Ready(error.take().map(Err)),
            Self::Body(body) => body.as_mut().poll_frame(cx),
            Self::Watched(body, watch) => {
                let frame = std::task::ready!(body.as_mut().poll_frame(cx));
                if watch.is_over() {
                    return Poll::Ready(frame);
                }
                let signal = match &frame {
                    // Many a reader stops at the last frame and never asks for the end.
                    Some(Ok(frame)) => match watch.frame(frame) {
                        Signal::Failed(outcome) => Signal::Failed(outcome),
                        _ if body.is_end_stream() => watch.end(),
                        signal => signal,
                    },
                    Some(Err(error)) => watch.error(classify_body_error(error)),
                    None => watch.end(),
                };
                if let Signal::Failed(outcome) = signal {
                    events::cut_short(&outcome);
                    metrics::cut_short(outcome.class, watch.provider());
                }
                Poll::Ready(frame)
            }
        }
    }
}

impl<B: Body> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, held) = match &self.state {
            State::Plain { .. } => ("plain", 0),
            State::Whole { chunk } => ("whole", chunk.as_ref().map_or(0, Bytes::len)),
            State::Seen { seen } => {
                let state = match &seen.rest {
                    Rest::Nothing => "whole",
                    Rest::Error(_) => "broken",
                    Rest::Body(_) => "in part",
                    Rest::Watched(..) => "watched",
                };
                (state, seen.chunks.len())
            }
        };
        f.debug_struct("ResponseBody")
            .field("state", &state)
            .field("held", &held)
            .finish()
    }
}
