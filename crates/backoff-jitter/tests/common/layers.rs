//! The layers under test, and what is sent through them.

use std::time::Duration;

use http::Request;
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower_steady_backoff_jitter::{Jitter, Retry, RetryBuilder, RetryLayer};
use tower_steady_core::Deadline;

use super::{Body, Cloning, Play, Provider, request, service};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn stack(layer: &RetryLayer, provider: &Provider) -> Retry<Cloning> {
    ServiceBuilder::new()
        .layer(layer.clone())
        .service(service(provider))
}

pub(crate) fn seeded() -> RetryLayer {
    RetryLayer::builder().seed(7).build().unwrap()
}

/// No jitter: the delays are the schedule's.
pub(crate) fn plain() -> RetryBuilder {
    RetryLayer::builder().jitter(Jitter::None)
}

pub(crate) fn until(left: Duration) -> Request<Body> {
    let mut request = request();
    let deadline = Deadline::at((Instant::now() + left).into_std());
    request.extensions_mut().insert(deadline);
    request
}

/// A script of twenty such answers, more than any limit here.
pub(crate) fn always(make: impl Fn() -> Play) -> Provider {
    Provider::script((0..20).map(|_| make()))
}
