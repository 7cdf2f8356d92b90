//! Who is to be told what became of a call.

use std::sync::Arc;

use super::book::Book;

/// A key, and the book that it stands in: what a call carries for the case that it is refused. One
/// pointer, shared by the calls of one service that go to the same key one after the other.
#[derive(Debug)]
pub(crate) struct Caller<Q> {
    pub(crate) key: Q,
    pub(crate) book: Arc<Book<Q>>,
    /// Whether successes have something to tell, too.
    pub(crate) proactive: bool,
}

impl<Q> Caller<Q> {
    pub(crate) fn new(key: Q, book: &Arc<Book<Q>>) -> Self {
        Self {
            key,
            book: Arc::clone(book),
            proactive: book.settings().proactive,
        }
    }
}
