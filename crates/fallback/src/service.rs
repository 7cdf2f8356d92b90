use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tower_steady_core::{BoxError, Deadline};

use crate::layer::Config;
use crate::{ResponseBody, ResponseFuture, Source};

/// The service of [`FallbackLayer`](crate::FallbackLayer).
#[derive(Clone, Debug)]
pub struct Fallback<S, Src> {
    inner: S,
    source: Src,
    config: Arc<Config>,
}

impl<S, Src> Fallback<S, Src> {
    pub(crate) const fn new(inner: S, source: Src, config: Arc<Config>) -> Self {
        Self {
            inner,
            source,
            config,
        }
    }
}

impl<S, Src, B, RB> Service<Request<B>> for Fallback<S, Src>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
    Src: Source<B, RB> + Clone,
    RB: Body<Data = bytes::Bytes>,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, Src, B, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let kept = self.source.keep(&request);
        if !self.config.reserve.is_zero()
            && let Some(deadline) = Deadline::of(request.extensions())
            && let Some(earlier) = deadline.earlier(self.config.reserve)
        {
            request.extensions_mut().insert(earlier);
        }
        ResponseFuture::new(
            self.inner.call(request),
            kept,
            self.source.clone(),
            Arc::clone(&self.config),
        )
    }
}
