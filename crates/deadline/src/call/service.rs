use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response};
use tower_service::Service;
use tower_steady_core::{BoxError, Deadline, readiness};

use super::DeadlineFuture;
use super::config::Config;
use crate::clock;

/// Notes the deadline of every call and is the last to enforce it. Made by
/// [`DeadlineLayer`](crate::DeadlineLayer).
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> DeadlineService<S> {
    pub(crate) const fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }
}

impl<S, B, RB> Service<Request<B>> for DeadlineService<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Some((deadline, now)) = self.config.deadline(&request) else {
            return DeadlineFuture::unbounded(self.inner.call(request));
        };
        let at = deadline.instant();
        if at <= now {
            readiness::give_back(&mut self.inner);
            return DeadlineFuture::too_late();
        }
        if Deadline::of(request.extensions()) != Some(deadline) {
            request.extensions_mut().insert(deadline);
        }
        if let Some(forward) = &self.config.forward {
            forward.write(request.headers_mut(), at - now);
            request.extensions_mut().insert(forward.clone());
        }
        DeadlineFuture::until(at, self.inner.call(request))
    }
}

impl Config {
    /// The deadline of `request`, and the time now.
    fn deadline<B>(&self, request: &Request<B>) -> Option<(Deadline, Instant)> {
        let noted = Deadline::of(request.extensions());
        let headers = self.headers.iter();
        let given = headers.filter_map(|header| header.read(request.headers()));
        let given = given.min();
        if noted.is_none() && given.is_none() && self.timeout.is_none() {
            return None;
        }
        let now = clock::now();
        let after = |left: Option<Duration>| now.checked_add(left?);
        let own = after(self.timeout).map(Deadline::imposed);
        let given = earlier(noted, after(given).map(Deadline::at));
        Some((earlier(own, given)?, now))
    }
}

/// The earlier of two; the first where they are at the same instant.
fn earlier(one: Option<Deadline>, other: Option<Deadline>) -> Option<Deadline> {
    match (one, other) {
        (Some(one), Some(other)) if other.instant() < one.instant() => Some(other),
        (None, other) => other,
        (one, _) => one,
    }
}
