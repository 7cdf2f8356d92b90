use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::{AnswerBody, Provider, play::play};

/// A [`Provider`] as a tower service, without sockets: what happens in it depends on tokio's clock
/// alone, which may be paused.
///
/// Errors are [`io::Error`]s of the kinds that a connection has: `ConnectionRefused`,
/// `ConnectionReset`, `UnexpectedEof`. A request body that fails ends the call with its own error,
/// wrapped.
#[derive(Debug)]
pub struct ProviderService {
    provider: Provider,
    ready: bool,
}

impl ProviderService {
    pub(crate) fn new(provider: Provider) -> Self {
        Self {
            provider,
            ready: false,
        }
    }
}

/// The readiness of a service is not its clone's.
impl Clone for ProviderService {
    fn clone(&self) -> Self {
        Self::new(self.provider.clone())
    }
}

impl<B> Service<Request<B>> for ProviderService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<AnswerBody>;
    type Error = io::Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        if !std::mem::take(&mut self.ready) {
            self.provider.note_unready();
        }
        ResponseFuture(Box::pin(play(self.provider.clone(), request, None)))
    }
}

/// The future of [`ProviderService`].
pub struct ResponseFuture(Pin<Box<dyn Future<Output = io::Result<Response<AnswerBody>>> + Send>>);

impl Future for ResponseFuture {
    type Output = io::Result<Response<AnswerBody>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
