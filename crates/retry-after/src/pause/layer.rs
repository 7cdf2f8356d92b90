use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;
use tower_steady_core::key::{ByHost, RequestKey};

use super::book::Book;
use super::config::Settings;
use super::{Pause, PauseBuilder, PauseHandle};

/// Pauses all calls of a key while the server wants none of them, as [`RetryAfterLayer`] inside of it
/// has read from the answers. See the [module](super).
///
/// Clones share their pauses, and so do the services made from them: two routes share a pause exactly
/// when they share the layer's value.
///
/// [`RetryAfterLayer`]: crate::RetryAfterLayer
pub struct PauseLayer<K: RequestKey = ByHost> {
    shared: Arc<Core<K>>,
}

/// What a layer and its services share.
pub(crate) struct Core<K: RequestKey> {
    pub(crate) key: K,
    pub(crate) book: Arc<Book<K::Key>>,
}

impl PauseLayer<ByHost> {
    /// Pauses by host, with the defaults of the [`PauseBuilder`].
    #[must_use]
    pub fn new() -> Self {
        Self::with(ByHost, Settings::default())
    }

    /// Anything but the defaults.
    pub fn builder() -> PauseBuilder {
        PauseBuilder::new()
    }
}

impl<K: RequestKey> PauseLayer<K> {
    pub(crate) fn with(key: K, settings: Settings) -> Self {
        let book = Arc::new(Book::new(settings));
        Self {
            shared: Arc::new(Core { key, book }),
        }
    }

    /// A look at the pauses, from elsewhere in the program.
    #[must_use]
    pub fn handle(&self) -> PauseHandle<K::Key> {
        PauseHandle::new(Arc::clone(&self.shared.book))
    }
}

impl Default for PauseLayer<ByHost> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: RequestKey> Clone for PauseLayer<K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K: RequestKey> fmt::Debug for PauseLayer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PauseLayer")
            .field("book", &self.shared.book)
            .finish_non_exhaustive()
    }
}

impl<K: RequestKey, S> Layer<S> for PauseLayer<K> {
    type Service = Pause<S, K>;

    fn layer(&self, inner: S) -> Pause<S, K> {
        Pause::new(inner, Arc::clone(&self.shared))
    }
}
