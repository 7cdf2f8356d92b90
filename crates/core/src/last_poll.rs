use std::cell::Cell;
use std::marker::PhantomData;

thread_local! {
    static LAST: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, what this thread polls is polled for the last time, for the call's time is up.
///
/// A layer that holds an answer back for a better look at it cannot know every timer further out. So a
/// timer that runs out polls once more under this guard before it gives the call up, and whoever holds a
/// refusal already sees by [`LastPoll::is_now`] that it is now or never. Nothing is noted on the call for
/// it, so that a call which is in time pays nothing. What runs in a task of its own does not see it.
#[derive(Debug)]
#[must_use = "it counts as long as it lives"]
pub struct LastPoll {
    /// What was before, to be put back, after a panic too.
    before: bool,
    /// Of this thread.
    not_send: PhantomData<*const ()>,
}

impl LastPoll {
    /// From now on, on this thread.
    #[cold]
    pub fn begin() -> Self {
        Self {
            before: set(true),
            not_send: PhantomData,
        }
    }

    /// Whether this is the last poll of a call: an error that is held back is better handed on as it is
    /// than lost.
    #[must_use]
    pub fn is_now() -> bool {
        LAST.try_with(Cell::get).unwrap_or(false)
    }
}

impl Drop for LastPoll {
    fn drop(&mut self) {
        set(self.before);
    }
}

/// A thread that is being torn down has no local any more, and then no poll is the last one.
fn set(last: bool) -> bool {
    LAST.try_with(|flag| flag.replace(last)).unwrap_or(false)
}
