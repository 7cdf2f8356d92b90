//! The locks and counters that the model checker looks at, from std or from loom.

#[cfg(not(steady_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, atomic::AtomicUsize};

#[cfg(steady_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock, atomic::AtomicUsize};

use std::sync::PoisonError;
pub(crate) use std::sync::atomic::Ordering;

/// Locks. What is behind our locks is whole between any two statements, so a panic elsewhere while
/// one was held is no reason to stop.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
