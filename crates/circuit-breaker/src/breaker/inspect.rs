//! Looks at a circuit, for handles and tests.

use tower_steady_core::shard::Padded;

use super::{Breaker, Inner, Status};
use crate::state::{Counts, State, WindowCounts};
use crate::sync::{AtomicU64, Ordering};
use crate::tick::Tick;

/// Everything that there is to see of a circuit.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) status: Status,
    pub(crate) trips: u32,
    pub(crate) counts: Counts,
    pub(crate) window: Option<WindowCounts>,
}

impl Breaker {
    pub(crate) fn status(&self, now: Tick) -> Status {
        let word = self.word();
        let state = word.state();
        Status {
            state,
            reason: (!state.admits_all()).then(|| word.reason()),
            left: (state == State::Open).then(|| self.open_left(now)),
            generation: word.generation(),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.word().state()
    }

    /// All that there is to see. Under the lock, without which the circuit does not change.
    pub(crate) fn look(&self, now: Tick) -> Look {
        let mut inner = self.lock();
        Look {
            status: self.status(now),
            trips: inner.trips,
            counts: self.counts_of(&inner),
            window: self.window_at(now, &mut inner),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts_of(&self.lock())
    }

    fn counts_of(&self, inner: &Inner) -> Counts {
        let Padded(tallies) = &self.tallies;
        let read = |tally: &AtomicU64| tally.load(Ordering::Relaxed);
        Counts {
            successes: self.good.total() + inner.successes,
            failures: inner.failures,
            ignored: read(&tallies.ignored),
            cancelled: read(&tallies.cancelled),
            stale: read(&tallies.stale),
            slow: inner.slow,
            rejected: read(&tallies.rejected),
        }
    }

    /// The calls in the window that ends at `now`, where the rules have one.
    pub(crate) fn window(&self, now: Tick) -> Option<WindowCounts> {
        self.window_at(now, &mut self.lock())
    }

    fn window_at(&self, now: Tick, inner: &mut Inner) -> Option<WindowCounts> {
        let slot = self.slot(now, self.word())?;
        inner.bad.roll(slot);
        Some(self.window_of(inner))
    }

    fn window_of(&self, inner: &Inner) -> WindowCounts {
        let good = self.good.within(inner.bad.newest());
        inner.bad.total().and_good(good)
    }
}
