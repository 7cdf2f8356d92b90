//! The last poll of a call whose time is up.
//!
//! A layer that holds an answer back for a better look at it cannot know every timer further out. So a
//! timer that runs out polls once more before it gives the call up, with [`last_poll`], and whoever
//! holds a refusal already sees by [`is_last_poll`] that it is now or never. Nothing is noted on the
//! call for it, so that a call which is in time pays nothing.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

thread_local! {
    static LAST: Cell<bool> = const { Cell::new(false) };
}

/// Polls a future that is given up if it is not ready now: for a timer that has run out.
///
/// Whatever is polled within, on this thread, learns it from [`is_last_poll`]; what runs in a task of
/// its own does not.
pub fn last_poll<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    let _restored = Restore(set(true));
    future.poll(cx)
}

/// Whether this is the [`last_poll`] of a call: an error that is held back is better handed on as it
/// is than lost.
#[must_use]
pub fn is_last_poll() -> bool {
    LAST.try_with(Cell::get).unwrap_or(false)
}

/// Puts back what was, after a panic too.
struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        set(self.0);
    }
}

/// A thread that is being torn down has no local any more, and then no poll is the last one.
fn set(last: bool) -> bool {
    LAST.try_with(|flag| flag.replace(last)).unwrap_or(false)
}
