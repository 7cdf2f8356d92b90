use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tower_steady_core::{BoxError, Shared};

use crate::Provider;
use crate::body::ResponseBody;
use crate::config::Config;
use crate::future::ResponseFuture;

/// Says what happened to each call. See the [crate's front page](crate).
#[derive(Clone, Debug)]
pub struct Classify<S> {
    inner: S,
    config: Shared<Config>,
}

impl<S> Classify<S> {
    pub(crate) fn new(inner: S, config: Shared<Config>) -> Self {
        Self { inner, config }
    }
}

impl<S, B, RB> Service<Request<B>> for Classify<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
    RB: Body<Data = Bytes>,
    RB::Error: 'static,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let provider = self.config.provider.or_else(|| {
            let host = request.uri().host()?;
            Provider::from_host(host)
        });
        ResponseFuture::new(self.inner.call(request), self.config.lease(), provider)
    }
}
