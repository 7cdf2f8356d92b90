use tower_layer::Layer;

use crate::RetryAfter;

/// Publishes the server's wait on the outcome of every refusal.
///
/// Has nothing to configure: minimum, cap and jitter are the retry layer's. See the
/// [crate's documentation](crate).
#[derive(Clone, Copy, Debug, Default)]
pub struct RetryAfterLayer(());

impl RetryAfterLayer {
    /// The layer.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for RetryAfterLayer {
    type Service = RetryAfter<S>;

    fn layer(&self, inner: S) -> RetryAfter<S> {
        RetryAfter::new(inner)
    }
}
