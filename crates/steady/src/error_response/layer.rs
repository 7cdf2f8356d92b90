use tower_layer::Layer;

use super::ErrorResponse;

/// Makes a response of every error of the stack below. See the [module's docs](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorResponseLayer(());

impl ErrorResponseLayer {
    /// The layer; there is nothing to set.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for ErrorResponseLayer {
    type Service = ErrorResponse<S>;

    fn layer(&self, inner: S) -> ErrorResponse<S> {
        ErrorResponse::new(inner)
    }
}
