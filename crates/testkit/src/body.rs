use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::answer::Step;
use crate::play::cut_kind;
use crate::record::Page;
use crate::wire::Wire;

/// The body of an answer, played to the script.
pub struct AnswerBody {
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// What is left of the announced length, if one was announced.
    left: Option<u64>,
    abrupt: bool,
    page: Page,
    wire: Option<Arc<Wire>>,
}

impl AnswerBody {
    pub(crate) fn new(
        steps: VecDeque<Step>,
        length: Option<u64>,
        abrupt: bool,
        page: Page,
        wire: Option<Arc<Wire>>,
    ) -> Self {
        let mut body = Self {
            steps,
            sleep: None,
            left: length,
            abrupt,
            page,
            wire,
        };
        body.close_at_end();
        body
    }

    fn deliver(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        self.steps.pop_front();
        if let (Some(left), Some(data)) = (&mut self.left, frame.data_ref()) {
            *left = left.saturating_sub(data.len() as u64);
        }
        self.close_at_end();
        frame
    }

    /// Readers stop at `is_end_stream`, so the call is over with the last frame.
    fn close_at_end(&mut self) {
        if self.steps.is_empty() {
            self.page.done();
        }
    }

    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Some(wire) = &self.wire {
            ready!(wire.poll_die_flushed(self.abrupt, cx));
        }
        self.steps.clear();
        self.close_at_end();
        Poll::Ready(cut_kind(self.abrupt).into())
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
            }
            match self.steps.front() {
                None => return Poll::Ready(None),
                Some(Step::Data(data)) => {
                    let frame = Frame::data(data.clone());
                    return Poll::Ready(Some(Ok(self.deliver(frame))));
                }
                Some(Step::Trailers(trailers)) => {
                    let frame = Frame::trailers(trailers.clone());
                    return Poll::Ready(Some(Ok(self.deliver(frame))));
                }
                Some(Step::Wait(time)) => {
                    let time = *time;
                    self.sleep = Some(Box::pin(sleep(time)));
                    self.steps.pop_front();
                }
                Some(Step::Cut) => return self.poll_cut(cx).map(|error| Some(Err(error))),
                Some(Step::Hang) => return Poll::Pending,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.sleep.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

/// A server does not poll past an announced length, so a cut that follows it is made here.
impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let (Some(Step::Cut), Some(wire)) = (self.steps.front(), &self.wire) {
            wire.die_flushed(self.abrupt);
            self.page.done();
        }
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody")
            .field("steps", &self.steps.len())
            .field("call", &self.page.number())
            .finish_non_exhaustive()
    }
}
