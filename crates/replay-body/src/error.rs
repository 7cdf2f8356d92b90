use std::error::Error;
use std::fmt;
use std::sync::Arc;

use tower_steady_core::BoxError;

/// This copy was still being read when a newer one took over.
///
/// Seen by the connection of an attempt that is over: the server answered before it had read the
/// request, the answer was a failure, and the next attempt now sends the same body.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Superseded;

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a later attempt has taken over this request body")
    }
}

impl Error for Superseded {}

/// The body has gone over the limit, and its beginning is no longer there to be sent again.
///
/// Seen by a copy that was made while the body was still within its limit.
#[derive(Clone, Copy, Debug)]
pub struct LimitExceeded {
    limit: usize,
}

impl LimitExceeded {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit }
    }

    /// The limit, in bytes.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "request body is over the replay limit of {} bytes and cannot be sent again",
            self.limit
        )
    }
}

impl Error for LimitExceeded {}

/// The wrapped body has failed. Its own error is the [`source`](Error::source), the same for the
/// attempt that read it and for every copy.
#[derive(Clone, Debug)]
pub struct SourceError(Arc<dyn Error + Send + Sync>);

impl SourceError {
    pub(crate) fn new(source: BoxError) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("request body failed")
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
