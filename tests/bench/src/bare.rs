//! The service that costs nothing.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use tower::Service;

/// Answers every request with an empty 200, at once and without allocating.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bare;

impl Service<Request<Full<Bytes>>> for Bare {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline(never)]
    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        drop(request);
        ready(Ok(Response::new(Full::default())))
    }
}

/// Answers as [`Bare`] does, but at the second poll: as a client does that waits for its server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waiting;

impl Service<Request<Full<Bytes>>> for Waiting {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Once;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline(never)]
    fn call(&mut self, request: Request<Full<Bytes>>) -> Once {
        drop(request);
        Once { waited: false }
    }
}

/// The answer of [`Waiting`].
#[derive(Debug)]
pub struct Once {
    waited: bool,
}

impl Future for Once {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        if mem::replace(&mut self.waited, true) {
            Poll::Ready(Ok(Response::new(Full::default())))
        } else {
            Poll::Pending
        }
    }
}

/// Answers every second request with an empty 503, so that each call of a retry layer retries once.
/// Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Flaky(Arc<AtomicBool>);

impl Service<Request<Full<Bytes>>> for Flaky {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline(never)]
    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        drop(request);
        let mut response = Response::new(Full::default());
        if !self.0.fetch_xor(true, Ordering::Relaxed) {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        ready(Ok(response))
    }
}

/// Reads the body of each answer, which is there at once, to its end.
#[derive(Clone, Copy, Debug)]
pub struct Read<S>(pub S);

impl<S, B> Service<Request<Full<Bytes>>> for Read<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    B: Body,
{
    type Response = ();
    type Error = S::Error;
    type Future = Ready<Result<(), S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let context = &mut Context::from_waker(Waker::noop());
        let Poll::Ready(result) = pin!(self.0.call(request)).poll(context) else {
            panic!("an answer that is there at once");
        };
        ready(result.map(|response| {
            let mut body = pin!(response.into_body());
            while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(context) {
                let _ = black_box(frame);
            }
        }))
    }
}
