use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_steady_core::{Class, StreamOutcome};

use crate::permit::Permit;
use crate::settings::{JudgeStreams, SlowBy};
use crate::tick::Tick;

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
        // Boxed: few answers are streams, and all of them are moved from layer to layer.
        watch: Option<Box<Watch>>,
    }

    impl<B: Body> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            if this.watch.is_some() {
                let this = this.project();
                let ended = this.inner.as_ref().as_pin_ref().is_none_or(|body| body.is_end_stream());
                judge(this.watch, ended);
                if let Some(watch) = this.watch {
                    watch.permit.cancel(watch.output);
                }
            }
        }
    }
}

/// A stream that is not finished yet.
pub(crate) struct Watch {
    stream: StreamOutcome,
    permit: Permit,
    /// Whether the first output has been seen.
    begun: bool,
    /// When it came, where slow calls are judged by that.
    output: Option<Tick>,
}

impl Watch {
    pub(crate) fn new(stream: StreamOutcome, permit: Permit) -> Self {
        Self {
            stream,
            permit,
            begun: false,
            output: None,
        }
    }

    /// What the stream has come to so far, if that decides it. `ended`: nothing is left to read.
    fn verdict(&mut self, ended: bool) -> Option<Class> {
        let settings = self.permit.settings()?;
        let has_output = self.stream.has_output();
        let at_output = match settings.judge_streams {
            JudgeStreams::AtEnd => false,
            JudgeStreams::ProbesAtFirstOutput => self.permit.decides_early(),
            JudgeStreams::AtFirstOutput => true,
        };
        // An error that came with the first output goes before it.
        let known = self.stream.verdict().map(|outcome| outcome.class);
        let verdict = known.or((ended || at_output && has_output).then_some(Class::Success));
        if has_output && !self.begun {
            self.begun = true;
            if settings.slow_after.is_some() && settings.slow_by == SlowBy::FirstOutput {
                self.output = Some(settings.now());
            }
            if verdict.is_none() {
                self.permit.begin(self.output);
            }
        }
        verdict
    }

    /// Whoever understands the stream knows better what it came to than that it ended, or gave an error.
    fn settle(&mut self, otherwise: Class) {
        let known = self.stream.verdict();
        self.permit.judge(known, otherwise, self.output, self.begun);
    }
}

/// Ends the call if its stream is decided.
pub(crate) fn judge(watch: &mut Option<Box<Watch>>, ended: bool) {
    if let Some(open) = watch
        && let Some(class) = open.verdict(ended)
    {
        open.settle(class);
        *watch = None;
    }
}

impl<B: Body> ResponseBody<B> {
    #[inline]
    pub(crate) fn new(body: B, watch: Option<Box<Watch>>) -> Self {
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
                    if let Some(mut watch) = this.watch.take() {
                        watch.settle(Class::Transport);
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
