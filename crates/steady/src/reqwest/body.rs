use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;

pin_project! {
    /// Makes any body `Sync`, as reqwest wants it, though no two threads ever share one: bodies such
    /// as axum's are not. What is asked by reference is remembered instead.
    pub(super) struct SyncBody<B> {
        #[pin]
        inner: SyncWrapper<B>,
        ended: bool,
        hint: SizeHint,
    }
}

impl<B: Body> SyncBody<B> {
    pub(super) fn new(body: B) -> Self {
        Self {
            ended: body.is_end_stream(),
            hint: body.size_hint(),
            inner: SyncWrapper::new(body),
        }
    }
}

impl<B> Body for SyncBody<B>
where
    B: Body,
    B::Data: Into<Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let mut inner = this.inner.get_pin_mut();
        let frame = ready!(inner.as_mut().poll_frame(cx));
        *this.ended = frame.is_none() || inner.is_end_stream();
        *this.hint = inner.size_hint();
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(Into::into))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        // `Copy` in newer versions of http-body only.
        Clone::clone(&self.hint)
    }
}
