use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tower_steady_core::BoxError;

use super::ResponseFuture;

/// The service of a [`GrpcLayer`](super::GrpcLayer), to make a generated client of.
#[derive(Debug)]
pub struct Grpc<S> {
    inner: S,
    /// Why the stack is not ready. Generated clients keep only the text of such an error, so that it
    /// is told in answer to the call.
    unready: Option<BoxError>,
}

impl<S> Grpc<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self {
            inner,
            unready: None,
        }
    }
}

impl<S, B, RB> Service<Request<B>> for Grpc<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
    RB: Body,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
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
impl<S: Clone> Clone for Grpc<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}
