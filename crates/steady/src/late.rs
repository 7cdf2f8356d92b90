use std::task::{Context, Poll, ready};

use http::Request;
use tower_service::Service;
use tower_steady_core::BoxError;

/// A service that says why it is not ready only in answer to a call, for where nobody hears it earlier:
/// a route of axum's has no errors, and a generated client keeps of such an error its text.
#[derive(Debug)]
pub(crate) struct Late<S> {
    inner: S,
    unready: Option<BoxError>,
}

impl<S> Late<S> {
    pub(crate) const fn new(inner: S) -> Self {
        Self {
            inner,
            unready: None,
        }
    }

    pub(crate) fn poll_ready<B>(&mut self, cx: &mut Context<'_>) -> Poll<()>
    where
        S: Service<Request<B>, Error: Into<BoxError>>,
    {
        if self.unready.is_none() {
            self.unready = ready!(self.inner.poll_ready(cx)).err().map(Into::into);
        }
        Poll::Ready(())
    }

    /// Calls the service, or says why it was not ready.
    pub(crate) fn call<B>(&mut self, request: Request<B>) -> Result<S::Future, BoxError>
    where
        S: Service<Request<B>>,
    {
        match self.unready.take() {
            Some(error) => Err(error),
            None => Ok(self.inner.call(request)),
        }
    }
}

/// Readiness, and so the lack of it, is each clone's own.
impl<S: Clone> Clone for Late<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}
