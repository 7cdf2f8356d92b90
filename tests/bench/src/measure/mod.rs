//! How a case is measured.

pub mod allocations;
pub mod instructions;
pub mod overhead;
pub mod threads;

use tokio::runtime::{Builder, Runtime};

/// A runtime for one thread, with timers and sockets.
///
/// # Panics
///
/// If the operating system refuses it what it needs.
#[must_use]
pub fn current_thread() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}
