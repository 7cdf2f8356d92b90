//! Finds what a layer shares by number.
//!
//! A call that is not paused needs the shared state only if it is refused, which is rare. Were it to
//! carry a counted reference for that, the two atomic operations on the count would cost as much as
//! the rest of the layer, so it carries a number.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

type Known = BTreeMap<u64, Weak<dyn Any + Send + Sync>>;

static KNOWN: Mutex<Known> = Mutex::new(BTreeMap::new());

/// A value that can be found by its number for as long as it lives.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    number: u64,
    value: T,
}

impl<T: Send + Sync + 'static> Numbered<T> {
    pub(crate) fn new(value: T) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: any number that nobody else has will do.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let numbered = Arc::new(Self { number, value });
        let weak: Weak<Self> = Arc::downgrade(&numbered);
        known().insert(number, weak);
        numbered
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The value with this number. None once it is gone: then nobody is left to tell.
    pub(crate) fn find(number: u64) -> Option<Arc<Self>> {
        let value = known().get(&number)?.upgrade()?;
        value.downcast().ok()
    }
}

impl<T> Drop for Numbered<T> {
    fn drop(&mut self) {
        known().remove(&self.number);
    }
}

impl<T> Deref for Numbered<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}
