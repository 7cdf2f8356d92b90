//! Notices when one budget stands twice in a stack, so that a success is paid in once and a retry
//! paid for once. Finagle's filters did both twice for years (finagle#956).

use std::cell::Cell;
use std::thread::LocalKey;

thread_local! {
    /// The budget that was last called through on this thread: its address, compared and never
    /// followed.
    static RATIO: Cell<usize> = const { Cell::new(0) };
    static SPEND: Cell<usize> = const { Cell::new(0) };
}

/// Calls through a ratio budget; true with the result if the same one stands further in.
pub(crate) fn ratio<A, T>(account: &A, call: impl FnOnce() -> T) -> (T, bool) {
    through(&RATIO, account, call)
}

/// Calls through a spend ledger; true with the result if the same one stands further in.
pub(crate) fn spend<A, T>(book: &A, call: impl FnOnce() -> T) -> (T, bool) {
    through(&SPEND, book, call)
}

/// The innermost one does the work, for it sees every try of a retry layer in between. A layer that
/// calls only later, from a queue, hides it; so does another budget between the two.
fn through<A, T>(
    last: &'static LocalKey<Cell<usize>>,
    own: &A,
    call: impl FnOnce() -> T,
) -> (T, bool) {
    let own = std::ptr::from_ref(own).addr();
    // A thread that is being torn down has no local any more, and then no nesting is noticed.
    let _ = last.try_with(|last| last.set(0));
    let result = call();
    let inner = last.try_with(|last| last.replace(own)).unwrap_or(0);
    (result, inner == own)
}
