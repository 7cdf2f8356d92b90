use std::fmt;
use std::task::{Context, Poll};

use ::reqwest::{Body as ReqwestBody, Client, Error};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tower_steady_core::BoxError;

use super::ResponseFuture;
use super::body;

/// A reqwest client that takes requests of the `http` crate. See the [module's docs](super).
///
/// The request must have an absolute URI. Its error is reqwest's own, by value, without the URL, whose
/// query may hold a key. `Debug` prints nothing of the client, which would show its default headers.
#[derive(Clone, Default)]
pub struct ReqwestService {
    client: Client,
}

impl ReqwestService {
    /// Puts `client` below a stack.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client.
    #[must_use]
    pub const fn get_ref(&self) -> &Client {
        &self.client
    }

    /// The client.
    #[must_use]
    pub fn into_inner(self) -> Client {
        self.client
    }
}

impl From<Client> for ReqwestService {
    fn from(client: Client) -> Self {
        Self::new(client)
    }
}

impl fmt::Debug for ReqwestService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestService").finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for ReqwestService
where
    B: Body + Send + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<ReqwestBody>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.client.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let request = request.map(body::of);
        match request.try_into() {
            Ok(request) => ResponseFuture::new(self.client.call(request)),
            Err(error) => ResponseFuture::failed(error),
        }
    }
}
