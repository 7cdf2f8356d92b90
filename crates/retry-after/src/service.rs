use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;
use tower_steady_core::BoxError;

use crate::ResponseFuture;

/// The service of [`RetryAfterLayer`](crate::RetryAfterLayer).
#[derive(Clone, Debug)]
pub struct RetryAfter<S> {
    inner: S,
}

impl<S> RetryAfter<S> {
    /// Publishes the waits that `inner`'s refusals ask for.
    #[must_use]
    pub const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B, RB> Service<Request<B>> for RetryAfter<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ResponseFuture::new(self.inner.call(request))
    }
}
