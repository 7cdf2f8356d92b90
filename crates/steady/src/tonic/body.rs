use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_steady_core::{AttemptReport, BoxError, Class, Report, StreamOutcome};

use super::status;

pin_project! {
    /// The body of an answer whose head was good. Where it fails later, by its trailers or by an error,
    /// its error has the status, the outcome and the report, as that of a failed head has.
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        stream: Option<StreamOutcome>,
        report: Option<Report>,
        // What is known of a first try, on which there is no report while it does well.
        first: AttemptReport,
    }
}

impl<B> ResponseBody<B> {
    /// `elapsed` is the time to this head.
    pub(super) fn new(inner: B, head: &response::Parts, elapsed: Duration) -> Self {
        let mut first = AttemptReport::new(Class::Success);
        first.status = Some(head.status);
        first.elapsed = elapsed;
        Self {
            inner,
            stream: head.extensions.get().cloned(),
            report: head.extensions.get().cloned(),
            first,
        }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        let frame = match ready!(this.inner.poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                let error = status::broken_off(error.into(), this.report.take(), this.first);
                return Poll::Ready(Some(Err(error)));
            }
            None => return Poll::Ready(None),
        };
        let failed = frame.trailers_ref().and_then(|trailers: &HeaderMap| {
            status::ended(trailers, this.stream.as_ref(), this.report, this.first)
        });
        Poll::Ready(Some(match failed {
            Some(error) => Err(error),
            None => Ok(frame),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
