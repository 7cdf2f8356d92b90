use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tower_steady_core::{BoxError, Shared};

use crate::Provider;
use crate::body::ResponseBody;
use crate::config::{Config, Source};
use crate::future::ResponseFuture;

/// Says what happened to each call. See the [crate's front page](crate).
#[derive(Clone, Debug)]
pub struct Classify<S> {
    inner: S,
    config: Source<Shared<Config>>,
    host: LastHost,
}

impl<S> Classify<S> {
    pub(crate) fn new(inner: S, config: Source<Shared<Config>>) -> Self {
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

    // Always: the future and the request are copied at every border that stays between two layers.
    #[inline(always)]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let provider = self.config.provider.or_else(|| {
            let authority = request.uri().authority()?;
            self.host.provider(authority.as_str())
        });
        let config = self.config.map(Shared::lease);
        ResponseFuture::new(self.inner.call(request), config, provider)
    }
}

/// The authority of the last call and its provider: calls mostly go where the last one went, and
/// comparing is cheaper than parsing and looking up. In place, so that cloning the service allocates
/// nothing for it.
#[derive(Clone)]
struct LastHost {
    authority: [u8; Self::LONGEST],
    len: usize,
    provider: Option<Provider>,
}

impl LastHost {
    const LONGEST: usize = 64;

    /// Takes the text alone: a pointer into the request would make the compiler move it once more.
    #[inline]
    fn provider(&mut self, authority: &str) -> Option<Provider> {
        if self.authority[..self.len] == *authority.as_bytes() {
            return self.provider;
        }
        self.look_up(authority)
    }

    #[cold]
    fn look_up(&mut self, authority: &str) -> Option<Provider> {
        let parsed: Option<Authority> = authority.parse().ok();
        let provider = parsed.and_then(|parsed| Provider::from_host(parsed.host()));
        let text = authority.as_bytes();
        // A password is not kept.
        if let Some(place) = self.authority.get_mut(..text.len())
            && !text.contains(&b'@')
        {
            place.copy_from_slice(text);
            self.len = text.len();
            self.provider = provider;
        }
        provider
    }
}

impl Default for LastHost {
    fn default() -> Self {
        Self {
            authority: [0; Self::LONGEST],
            len: 0,
            provider: None,
        }
    }
}

impl fmt::Debug for LastHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.provider.fmt(f)
    }
}
