use std::task::{Context, Poll};

use http::Request;
use http_body::Body;
use tower_service::Service;

use crate::ReplayBody;

/// Makes the body of every request replayable. Made by [`ReplayLayer`](crate::ReplayLayer).
///
/// Response, error and future are the inner service's own, for nothing here can fail.
#[derive(Clone, Debug)]
pub struct Replay<S> {
    inner: S,
    limit: usize,
}

impl<S> Replay<S> {
    pub(crate) const fn new(inner: S, limit: usize) -> Self {
        Self { inner, limit }
    }
}

impl<S, B> Service<Request<B>> for Replay<S>
where
    S: Service<Request<ReplayBody<B>>>,
    B: Body,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let limit = self.limit;
        self.inner
            .call(request.map(|body| ReplayBody::new(body, limit)))
    }
}
