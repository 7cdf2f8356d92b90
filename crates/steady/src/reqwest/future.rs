use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::reqwest::{Body, Client, Error, Request};
use http::Response;
use tower_service::Service;

type Pending = <Client as Service<Request>>::Future;

/// The response of a [`ReqwestService`](super::ReqwestService).
pub struct ResponseFuture(State);

enum State {
    Calling(Pending),
    /// The request could not be made one of reqwest's.
    Failed(Option<Error>),
}

impl ResponseFuture {
    pub(super) const fn new(future: Pending) -> Self {
        Self(State::Calling(future))
    }

    pub(super) const fn failed(error: Error) -> Self {
        Self(State::Failed(Some(error)))
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.0 {
            State::Calling(future) => ready!(Pin::new(future).poll(cx)),
            State::Failed(error) => Err(error.take().expect("polled after it was ready")),
        };
        Poll::Ready(result.map(Into::into).map_err(Error::without_url))
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
