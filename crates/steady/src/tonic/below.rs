use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tonic::TimeoutExpired;
use ::tonic::body::Body as GrpcBody;
use bytes::Bytes;
use http::Request;
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;
use tower_steady_core::{BoxError, Class, Failure, Outcome};

/// A channel below a stack: takes requests with any body, and says which of its errors are timeouts.
#[derive(Clone, Debug)]
pub struct GrpcChannel<S> {
    channel: S,
}

impl<S> GrpcChannel<S> {
    pub(super) const fn new(channel: S) -> Self {
        Self { channel }
    }
}

impl<S, B> Service<Request<B>> for GrpcChannel<S>
where
    S: Service<Request<GrpcBody>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ChannelFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.channel.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ChannelFuture {
            future: self.channel.call(request.map(GrpcBody::new)),
        }
    }
}

pin_project! {
    /// The response of a [`GrpcChannel`].
    pub struct ChannelFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F, R, E> Future for ChannelFuture<F>
where
    F: Future<Output = Result<R, E>>,
    E: Into<BoxError>,
{
    type Output = Result<R, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.project().future.poll(cx));
        Poll::Ready(result.map_err(|error| named(error.into())))
    }
}

/// A channel obeys the request's `grpc-timeout` itself. Its error would pass for one of the connection,
/// and tonic would make `CANCELLED` of it.
fn named(error: BoxError) -> BoxError {
    let mut next: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(error_in_chain) = next {
        if error_in_chain.is::<TimeoutExpired>() {
            return Failure::new(Outcome::new(Class::Timeout), error).into();
        }
        next = error_in_chain.source();
    }
    error
}

impl<F> fmt::Debug for ChannelFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelFuture").finish_non_exhaustive()
    }
}
