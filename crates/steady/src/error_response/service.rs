use std::convert::Infallible;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;
use tower_steady_core::BoxError;

use super::{ResponseBody, ResponseFuture};
use crate::late::Late;

/// The service of an [`ErrorResponseLayer`](super::ErrorResponseLayer).
#[derive(Clone, Debug)]
pub struct ErrorResponse<S> {
    inner: Late<S>,
}

impl<S> ErrorResponse<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self {
            inner: Late::new(inner),
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
        self.inner.poll_ready(cx).map(Ok)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.inner.call(request) {
            Ok(future) => ResponseFuture::new(future),
            Err(error) => ResponseFuture::failed(error),
        }
    }
}
