use tower_layer::Layer;

use crate::Replay;

/// Wraps the body of every request in a [`ReplayBody`](crate::ReplayBody), so that the layers below
/// can send it again.
///
/// Stands outermost, for it changes the type of the body. See the [crate docs](crate).
#[derive(Clone, Copy, Debug)]
pub struct ReplayLayer {
    limit: usize,
}

impl ReplayLayer {
    /// The limit of [`ReplayLayer::new`]: 2 MiB, what axum's extractors accept by default, so that a
    /// request that an axum handler takes can also be sent again.
    pub const DEFAULT_LIMIT: usize = 2 * 1024 * 1024;

    /// Bodies of up to [`DEFAULT_LIMIT`](Self::DEFAULT_LIMIT) bytes can be sent again.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_limit(Self::DEFAULT_LIMIT)
    }

    /// Bodies of up to `limit` bytes, trailers included, can be sent again. Larger ones pass
    /// through once; with a limit of 0 all do, and with `usize::MAX` none.
    ///
    /// The limit is for each request, and is used up only by a request that has more than one
    /// attempt left and a body that long.
    #[must_use]
    pub const fn with_limit(limit: usize) -> Self {
        Self { limit }
    }

    /// The limit, in bytes.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }
}

impl Default for ReplayLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ReplayLayer {
    type Service = Replay<S>;

    fn layer(&self, inner: S) -> Replay<S> {
        Replay::new(inner, self.limit)
    }
}
