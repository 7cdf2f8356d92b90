use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tower_steady_core::{Attempt, BoxError, Deadline, readiness};

use super::future::Watch;
use super::timers::Limits;
use super::{AttemptFuture, ResponseBody};
use crate::clock;
use crate::header::Forward;

/// Limits each attempt. Made by [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer).
#[derive(Clone, Debug)]
pub struct AttemptTimeout<S> {
    inner: S,
    limits: Limits,
}

impl<S> AttemptTimeout<S> {
    pub(crate) const fn new(inner: S, limits: Limits) -> Self {
        Self { inner, limits }
    }
}

impl<S, B, RB> Service<Request<B>> for AttemptTimeout<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    S::Error: Into<BoxError>,
    RB: Body,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = BoxError;
    type Future = AttemptFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let deadline = Deadline::of(request.extensions());
        if deadline.is_none() && !self.limits.any() {
            return AttemptFuture::unlimited(self.inner.call(request));
        }
        let start = clock::now();
        if let Some(deadline) = deadline {
            let at = deadline.instant();
            if at <= start {
                readiness::give_back(&mut self.inner);
                return AttemptFuture::too_late();
            }
            if let Some(forward) = request.extensions().get::<Forward>().cloned() {
                forward.write(request.headers_mut(), at - start);
            }
        }
        let watch = Watch {
            limits: self.limits,
            start,
            deadline,
            attempt: Attempt::of(request.extensions()).number,
        };
        AttemptFuture::limited(watch, self.inner.call(request))
    }
}
