//! From one generation to the next.

use std::time::Duration;

use super::{BadCalls, Breaker, Change, Inner};
use crate::state::{State, TripReason};
use crate::sync::Ordering;
use crate::tick::Tick;
use crate::word::Word;

impl Breaker {
    /// Opens or closes the circuit by hand, or (`State::Closed`) leaves it to itself again, as new.
    pub(crate) fn force(&self, state: State, now: Tick) -> Change {
        let mut inner = self.lock();
        let generation = self.word().generation() + 1;
        inner.trips = 0;
        inner.closed_at = now;
        inner.bad = BadCalls::new();
        let word = match state {
            State::ForcedOpen => Word::of_reason(generation, state, TripReason::Forced),
            _ => Word::new(generation, state, 0),
        };
        self.publish(word, &inner, None)
    }

    pub(super) fn open(
        &self,
        inner: &mut Inner,
        reason: TripReason,
        wait: Option<Duration>,
        now: Tick,
        unit: impl FnOnce() -> f64,
    ) -> Change {
        let word = self.word();
        let healthy = word.state() == State::Closed
            && now.since(inner.closed_at) >= self.rules.open_time.healthy_after;
        inner.trips = if healthy {
            1
        } else {
            inner.trips.saturating_add(1)
        };
        let open_for = self.rules.open_time.length(inner.trips, unit(), wait);
        // Relaxed: published by the word, which is stored after it.
        self.until.store(now.plus(open_for).0, Ordering::Relaxed);
        let word = Word::of_reason(word.generation() + 1, State::Open, reason);
        self.publish(word, inner, Some(open_for))
    }

    /// Moves on to the next generation. Under the lock.
    pub(super) fn publish(&self, word: Word, inner: &Inner, open_for: Option<Duration>) -> Change {
        // Release: whoever sees the new word sees what was prepared for it. A swap, so that it has its
        // place among the compare-and-swaps of successes: those that come later fail.
        let from = Word(self.word.swap(word.0, Ordering::AcqRel));
        let to = word.state();
        Change {
            from: from.state(),
            to,
            reason: (!to.admits_all()).then(|| word.reason()),
            generation: word.generation(),
            trips: inner.trips,
            open_for,
        }
    }
}
