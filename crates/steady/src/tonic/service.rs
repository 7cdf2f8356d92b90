use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tower_steady_core::BoxError;

use super::{ResponseBody, ResponseFuture};
use crate::late::Late;

/// The service of a [`GrpcLayer`](super::GrpcLayer), to make a generated client of.
#[derive(Clone, Debug)]
pub struct Grpc<S> {
    inner: Late<S>,
}

impl<S> Grpc<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self {
            inner: Late::new(inner),
        }
    }
}

impl<S, B, RB> Service<Request<B>> for Grpc<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
    RB: Body,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map(Ok)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.inner.call(request) {
            Ok(future) => ResponseFuture::new(future),
            Err(error) => ResponseFuture::failed(error),
        }
    }
}
