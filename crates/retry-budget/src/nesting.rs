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

/// Begins a call through a ratio budget.
pub(crate) fn ratio() -> Nesting {
    Nesting::begin(&RATIO)
}

/// Begins a call through a spend ledger.
pub(crate) fn spend() -> Nesting {
    Nesting::begin(&SPEND)
}

/// A call of the inner service, to be ended when it has returned.
///
/// The innermost one of two layers on one budget does the work, for it sees every try of a retry layer in
/// between. A layer that calls only later, from a queue, hides it; so does another budget between the
/// two.
#[must_use = "a call that is not ended is not noticed further out"]
pub(crate) struct Nesting(&'static LocalKey<Cell<usize>>);

impl Nesting {
    #[inline]
    fn begin(last: &'static LocalKey<Cell<usize>>) -> Self {
        // A thread that is being torn down has no local any more, and then no nesting is noticed.
        let _ = last.try_with(|last| last.set(0));
        Self(last)
    }

    /// Whether `own`, which was called through, stands further in as well.
    #[inline]
    pub(crate) fn end<A>(self, own: &A) -> bool {
        let own = std::ptr::from_ref(own).addr();
        let inner = self.0.try_with(|last| last.replace(own)).unwrap_or(0);
        inner == own
    }
}
