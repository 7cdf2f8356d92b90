use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::source::Recorder;

pin_project! {
    /// The body of what [`Fallback`](crate::Fallback) answers: live from a service, or kept.
    pub struct ResponseBody<RB> {
        #[pin]
        repr: Repr<RB>,
    }
}

pin_project! {
    #[project = ReprProj]
    enum Repr<RB> {
        Live { #[pin] body: RB, recorder: Option<Recorder> },
        Kept { chunks: VecDeque<Bytes> },
    }
}

impl<RB> ResponseBody<RB> {
    /// A body as it comes.
    #[must_use]
    pub const fn live(body: RB) -> Self {
        Self {
            repr: Repr::Live {
                body,
                recorder: None,
            },
        }
    }

    /// A body of chunks that are here already.
    #[must_use]
    pub fn kept(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let chunks = chunks.into_iter().filter(|chunk| !chunk.is_empty());
        Self {
            repr: Repr::Kept {
                chunks: chunks.collect(),
            },
        }
    }

    pub(crate) fn recorded(body: RB, recorder: Recorder) -> Self {
        Self {
            repr: Repr::Live {
                body,
                recorder: Some(recorder),
            },
        }
    }
}

impl<RB> Body for ResponseBody<RB>
where
    RB: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = RB::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RB::Error>>> {
        match self.project().repr.project() {
            ReprProj::Kept { chunks } => {
                Poll::Ready(chunks.pop_front().map(|chunk| Ok(Frame::data(chunk))))
            }
            ReprProj::Live { mut body, recorder } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                match &frame {
                    None => finish(recorder),
                    Some(Err(_)) => *recorder = None,
                    Some(Ok(frame)) => {
                        let fits = match (recorder.as_mut(), frame.data_ref()) {
                            (Some(recorder), Some(data)) => recorder.record(data),
                            _ => true,
                        };
                        if !fits {
                            *recorder = None;
                        }
                        // Servers stop here and never ask for the end.
                        if body.is_end_stream() {
                            finish(recorder);
                        }
                    }
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.repr {
            Repr::Live { body, .. } => body.is_end_stream(),
            Repr::Kept { chunks } => chunks.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.repr {
            Repr::Live { body, .. } => body.size_hint(),
            Repr::Kept { chunks } => {
                SizeHint::with_exact(chunks.iter().map(|chunk| chunk.len() as u64).sum())
            }
        }
    }
}

fn finish(recorder: &mut Option<Recorder>) {
    if let Some(recorder) = recorder.take() {
        recorder.finish();
    }
}

impl<RB> fmt::Debug for ResponseBody<RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.repr {
            Repr::Live { recorder: None, .. } => "ResponseBody::Live",
            Repr::Live { .. } => "ResponseBody::Recorded",
            Repr::Kept { .. } => "ResponseBody::Kept",
        })
    }
}
