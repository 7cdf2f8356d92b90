//! Who is to be told what became of a call.

use std::mem;
use std::sync::Arc;

use super::book::Book;

/// A key, and the book that it stands in: what a call carries for the case that it is refused. One
/// pointer, shared by the calls of one service that go to the same key.
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

/// The callers that a service had lately. Not shared with its clones, so that threads do not share their
/// counts.
pub(crate) struct Recent<Q> {
    /// Of the call before: the next one mostly has the same key.
    last: Option<Arc<Caller<Q>>>,
    others: [Option<Arc<Caller<Q>>>; OTHERS],
    /// Which of the others makes room for the next new one.
    oldest: usize,
}

const OTHERS: usize = 3;

impl<Q> Recent<Q> {
    pub(crate) const fn new() -> Self {
        Self {
            last: None,
            others: [const { None }; OTHERS],
            oldest: 0,
        }
    }

    #[inline]
    pub(crate) fn last(&self) -> Option<&Arc<Caller<Q>>> {
        self.last.as_ref()
    }
}

impl<Q: PartialEq> Recent<Q> {
    /// The caller for `key`, which is the last one from now on: a new one, with an allocation, where it
    /// is none of those that are kept.
    pub(crate) fn switch(&mut self, key: Q, book: &Arc<Book<Q>>) -> Arc<Caller<Q>> {
        let is_it = |caller: &&Arc<Caller<Q>>| caller.key == key;
        if let Some(last) = self.last.as_ref().filter(is_it) {
            return Arc::clone(last);
        }
        let has_it = |slot: &&mut Option<Arc<Caller<Q>>>| slot.as_ref().filter(is_it).is_some();
        if let Some(known) = self.others.iter_mut().find(has_it) {
            mem::swap(&mut self.last, known);
        } else {
            let new = Arc::new(Caller::new(key, book));
            self.others[self.oldest] = self.last.replace(new);
            self.oldest = (self.oldest + 1) % OTHERS;
        }
        self.last.as_ref().map(Arc::clone).expect("set just now")
    }
}
