use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_steady_core::{Class, StreamOutcome};

use crate::config::JudgeStreams;
use crate::permit::Permit;

pin_project! {
    /// The body of an answer: the inner one, unchanged, watched if it is a stream whose verdict has not
    /// fallen yet.
    ///
    /// Dropped unfinished, such a stream is cancelled; it is finished when its terminal event has
    /// passed or nothing is left to read, even if nobody has read on to see that.
    pub struct ResponseBody<B>
    where
        B: Body,
    {
        #[pin]
        inner: Option<B>,
        watch: Option<Watch>,
    }

    impl<B: Body> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            if this.watch.is_some() {
                let this = this.project();
                let ended = this.inner.as_ref().as_pin_ref().is_none_or(|body| body.is_end_stream());
                judge(this.watch, ended);
            }
        }
    }
}

/// A stream that is not finished yet.
pub(crate) struct Watch {
    stream: StreamOutcome,
    permit: Permit,
}

impl Watch {
    pub(crate) fn new(stream: StreamOutcome, permit: Permit) -> Self {
        Self { stream, permit }
    }

    /// What the stream has come to so far, if that decides it. `ended`: nothing is left to read.
    fn verdict(&mut self, ended: bool) -> Option<Class> {
        if let Some(outcome) = self.stream.verdict() {
            return Some(outcome.class);
        }
        if self.stream.has_output() {
            self.permit.note_output();
            if self.permit.settings().judge_streams == JudgeStreams::AtFirstOutput {
                return Some(Class::Success);
            }
        }
        ended.then_some(Class::Success)
    }

    fn settle(self, class: Class) {
        // A wait in the verdict is the server's own word too.
        let wait = self.stream.verdict().and_then(|outcome| outcome.wait);
        self.permit.settle(class, wait);
    }
}

impl<B: Body> ResponseBody<B> {
    /// A body that nobody has to watch.
    #[inline]
    pub(crate) fn new(body: B, watch: Option<Watch>) -> Self {
        Self {
            inner: Some(body),
            watch,
        }
    }

    pub(crate) fn empty() -> Self {
        Self {
            inner: None,
            watch: None,
        }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(inner.as_mut().poll_frame(cx));
        if this.watch.is_some() {
            match &frame {
                Some(Ok(_)) => {
                    judge(this.watch, inner.is_end_stream());
                    if let Some(watch) = this.watch {
                        watch.permit.note_progress();
                    }
                }
                None => judge(this.watch, true),
                Some(Err(_)) => {
                    // Broken off. Whoever understands the stream may know better why.
                    if let Some(watch) = this.watch.take() {
                        let known = watch.stream.verdict().map(|outcome| outcome.class);
                        watch.settle(known.unwrap_or(Class::Transport));
                    }
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let empty = || SizeHint::with_exact(0);
        self.inner.as_ref().map_or_else(empty, Body::size_hint)
    }
}

/// Ends the call if its stream is decided.
pub(crate) fn judge(watch: &mut Option<Watch>, ended: bool) {
    let decided = watch.as_mut().and_then(|watch| watch.verdict(ended));
    if let Some(class) = decided
        && let Some(watch) = watch.take()
    {
        watch.settle(class);
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("inner", &self.inner)
            .field("permit", &self.watch.as_ref().map(|watch| &watch.permit))
            .finish()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.permit.fmt(f)
    }
}
