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
    host: LastHost,
}

impl<S> Classify<S> {
    pub(crate) fn new(inner: S, config: Shared<Config>) -> Self {
        Self {
            inner,
            config,
            host: LastHost::default(),
        }
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
            self.host.provider(host)
        });
        ResponseFuture::new(self.inner.call(request), self.config.lease(), provider)
    }
}

/// The host of the last call and its provider: calls mostly go where the last one went, and comparing
/// is cheaper than looking up. In place, so that cloning the service allocates nothing for it.
#[derive(Clone, Debug)]
struct LastHost {
    name: [u8; Self::LONGEST],
    len: usize,
    provider: Option<Provider>,
}

impl LastHost {
    const LONGEST: usize = 64;

    fn provider(&mut self, host: &str) -> Option<Provider> {
        if self.name[..self.len] == *host.as_bytes() {
            return self.provider;
        }
        let provider = Provider::from_host(host);
        if let Some(name) = self.name.get_mut(..host.len()) {
            name.copy_from_slice(host.as_bytes());
            self.len = host.len();
            self.provider = provider;
        }
        provider
    }
}

impl Default for LastHost {
    fn default() -> Self {
        Self {
            name: [0; Self::LONGEST],
            len: 0,
            provider: None,
        }
    }
}
