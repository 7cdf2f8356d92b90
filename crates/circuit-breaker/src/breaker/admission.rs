//! Who is let through.

use super::{Breaker, Change, Probes, Refusal, Ticket};
use crate::state::State;
use crate::sync::Ordering;
use crate::tick::Tick;
use crate::word::Word;

impl Breaker {
    /// Lets a call through without asking the time, if every call may pass.
    #[inline]
    pub(crate) fn pass(&self) -> Option<Ticket> {
        let word = self.word();
        word.admits_all().then(|| Ticket {
            word: word.bare(),
            probe: 0,
            begun: None,
        })
    }

    /// Whether every call may pass.
    #[inline]
    pub(crate) fn admits_all(&self) -> bool {
        self.word().admits_all()
    }

    /// Lets a call through or says why not. The first call after the open time makes the circuit
    /// half-open and is its first probe.
    pub(crate) fn admit(&self, now: Tick) -> (Result<Ticket, Refusal>, Option<Change>) {
        if let Some(ticket) = self.pass() {
            return (Ok(ticket), None);
        }
        let (admitted, change) = match self.refusal(self.word(), now) {
            Some(refusal) => (Err(refusal), None),
            None => self.admit_locked(now),
        };
        if admitted.is_err() {
            self.count_rejected();
        }
        (admitted, change)
    }

    fn admit_locked(&self, now: Tick) -> (Result<Ticket, Refusal>, Option<Change>) {
        let mut inner = self.lock();
        let mut change = None;
        let mut word = self.word();
        if word.state() == State::Open && self.open_left(now).is_zero() {
            let generation = word.generation() + 1;
            inner.probes = Probes::default();
            word = Word::of_reason(generation, State::HalfOpen, word.reason());
            change = Some(self.publish(word, &inner, None));
        }
        let ticket = |probe| Ticket {
            word: word.bare(),
            probe,
            begun: None,
        };
        let admitted = match word.state() {
            // Closed since the first look.
            State::Closed | State::ForcedClosed => Ok(ticket(0)),
            State::HalfOpen => inner
                .probes
                .admit(now, &self.rules)
                .map(ticket)
                .ok_or_else(|| Refusal::new(word, None)),
            State::Open => Err(Refusal::new(word, Some(self.open_left(now)))),
            State::ForcedOpen => Err(Refusal::new(word, None)),
        };
        (admitted, change)
    }

    /// Counts a call that was refused on the word of [`Self::would_refuse`].
    pub(crate) fn count_rejected(&self) {
        // Relaxed, as all tallies: a sum, nothing is published with it.
        self.tallies.0.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Why a call would not be let through at `now`; takes nothing and counts nothing.
    pub(crate) fn would_refuse(&self, now: Tick) -> Option<Refusal> {
        let word = self.word();
        match word.state() {
            State::HalfOpen => {
                let full = !self.lock().probes.has_room(now, &self.rules);
                full.then(|| Refusal::new(word, None))
            }
            _ => self.refusal(word, now),
        }
    }

    /// What can be refused without the lock, which is nearly everything while the circuit is open.
    fn refusal(&self, word: Word, now: Tick) -> Option<Refusal> {
        match word.state() {
            State::ForcedOpen => Some(Refusal::new(word, None)),
            State::Open => {
                let left = self.open_left(now);
                (!left.is_zero()).then(|| Refusal::new(word, Some(left)))
            }
            _ => None,
        }
    }
}
