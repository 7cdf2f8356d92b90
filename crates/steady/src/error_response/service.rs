use std::convert::Infallible;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use tower_service::Service;
use tower_steady_core::BoxError;

use super::{ResponseBody, ResponseFuture};

/// The service of an [`ErrorResponseLayer`](super::ErrorResponseLayer).
#[derive(Debug)]
pub struct ErrorResponse<S> {
    inner: S,
    /// Why the service below is not ready. This service cannot say so but in answer to a call.
    unready: Option<BoxError>,
}

impl<S> ErrorResponse<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self {
            inner,
            unready: None,
        }
    }
}

impl<S, B, RB> Service<Request<B>> for ErrorResponse<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.unready.is_none() {
            self.unready = ready!(self.inner.poll_ready(cx)).err().map(Into::into);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.unready.take() {
            Some(error) => ResponseFuture::failed(error),
            None => ResponseFuture::new(self.inner.call(request)),
        }
    }
}

/// Readiness, and so the lack of it, is each clone's own.
impl<S: Clone> Clone for ErrorResponse<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}
