use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use ::reqwest::Body as ReqwestBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tower_steady_core::BoxError;

/// One of reqwest's. A body that is there whole, at once and in one piece goes as bytes, which reqwest can
/// send again after a redirect; any other is streamed.
pub(super) fn of<B>(body: B) -> ReqwestBody
where
    B: Body + Send + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    let Some(length) = body.size_hint().exact().filter(|length| *length > 0) else {
        return ReqwestBody::wrap(SyncBody::new(body));
    };
    let mut rest = Box::pin(body);
    let Poll::Ready(first) = next(rest.as_mut(), &mut Context::from_waker(Waker::noop())) else {
        return ReqwestBody::wrap(SyncBody::new(rest));
    };
    match first
        .as_ref()
        .and_then(|frame| frame.as_ref().ok()?.data_ref())
    {
        Some(data) if data.len() as u64 == length && rest.is_end_stream() => data.clone().into(),
        _ => ReqwestBody::wrap(SyncBody::new(Begun {
            first: Some(first),
            length,
            rest,
        })),
    }
}

type Next = Option<Result<Frame<Bytes>, BoxError>>;

fn next<B>(body: Pin<&mut B>, cx: &mut Context<'_>) -> Poll<Next>
where
    B: Body,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    let frame = ready!(body.poll_frame(cx));
    Poll::Ready(frame.map(|frame| match frame {
        Ok(frame) => Ok(frame.map_data(Into::into)),
        Err(error) => Err(error.into()),
    }))
}

/// A body whose first frame has been looked at.
struct Begun<B> {
    first: Option<Next>,
    /// In bytes, with the first frame.
    length: u64,
    rest: Pin<Box<B>>,
}

impl<B> Body for Begun<B>
where
    B: Body,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next> {
        match self.first.take() {
            Some(first) => Poll::Ready(first),
            None => next(self.rest.as_mut(), cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.first {
            Some(_) => SizeHint::with_exact(self.length),
            None => self.rest.size_hint(),
        }
    }
}

pin_project! {
    /// Makes any body `Sync`, as reqwest wants it, though no two threads ever share one: bodies such
    /// as axum's are not. What is asked by reference is remembered instead.
    struct SyncBody<B> {
        #[pin]
        inner: SyncWrapper<B>,
        ended: bool,
        hint: SizeHint,
    }
}

impl<B: Body> SyncBody<B> {
    fn new(body: B) -> Self {
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
