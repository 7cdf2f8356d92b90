use tower_layer::Layer;
use tower_steady_core::Shared;

use super::book::Book;
use super::{Spend, SpendBuilder, SpendHandle};

/// Holds what retries cost under hard limits: adds [`Spend`] to a stack.
///
/// All clones of a layer, and all services it makes, share one ledger. See the
/// [module docs](crate::spend).
#[derive(Clone, Debug)]
pub struct SpendLayer {
    book: Shared<Book>,
}

impl SpendLayer {
    /// Limits of 200 000 tokens per request, 1 000 000 per workflow and 5 000 000 per hour, at a token
    /// for each four bytes of body.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "the defaults are valid: a test builds them"
    )]
    pub fn new() -> Self {
        Self::builder().build().expect("the defaults are valid")
    }

    /// Sets it up otherwise.
    pub fn builder() -> SpendBuilder {
        SpendBuilder::default()
    }

    /// Reads the ledger.
    #[must_use]
    pub fn handle(&self) -> SpendHandle {
        SpendHandle::new(self.book.state())
    }

    pub(crate) fn open(book: Book) -> Self {
        Self {
            book: Shared::new(book),
        }
    }
}

impl Default for SpendLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for SpendLayer {
    type Service = Spend<S>;

    fn layer(&self, inner: S) -> Spend<S> {
        Spend::new(inner, self.book.clone())
    }
}
