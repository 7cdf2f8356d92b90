//! The decision core: no tower, no HTTP, no clock, no randomness. `now`, the running thread's shard
//! and the random number are arguments.
//!
//! While the circuit is closed a call reads [`Word`] twice, to be admitted and to end well. Everything
//! else (a failure, a transition, a probe) is done under one short lock, which alone changes the
//! generation.

mod admission;
mod exchange;
mod inspect;
mod transition;

use std::sync::Arc;
use std::time::Duration;

use tower_steady_core::shard::Padded;

pub(crate) use self::exchange::{Change, End, Refusal, Status, Ticket};
use crate::half_open::Probes;
use crate::rules::Rules;
use crate::state::{State, TripReason};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::tick::Tick;
use crate::width::Width;
use crate::window::{BadCalls, GoodCalls, Slot};
use crate::word::Word;

/// The state machine of one circuit.
///
/// Laid out as written: what every call reads is one line, for in a layer of many circuits each line
/// is one that is not in the cache.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Breaker {
    /// Written under the lock, except that a success may set the row of failures to zero.
    word: AtomicU64,
    /// When the open time is over. Valid while `word` says open: stored before it.
    until: AtomicU64,
    rules: Arc<Rules>,
    /// Of a bucket, where the rules need a window.
    width: Option<Width>,
    quick: bool,
    inner: Mutex<Inner>,
    good: GoodCalls,
    tallies: Padded<Tallies>,
}

/// What is counted without the lock, off the line that every call reads.
#[derive(Debug, Default)]
struct Tallies {
    ignored: AtomicU64,
    cancelled: AtomicU64,
    stale: AtomicU64,
    rejected: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    bad: BadCalls,
    probes: Probes,
    /// How many times in a row the circuit has opened without becoming healthy.
    trips: u32,
    closed_at: Tick,
    failures: u64,
    slow: u64,
    /// Successes that took the lock: probes, and calls that were slow.
    successes: u64,
}

impl Breaker {
    pub(crate) fn new(rules: Arc<Rules>) -> Self {
        Self {
            word: AtomicU64::new(Word::new(0, State::Closed, 0).0),
            until: AtomicU64::new(0),
            width: rules.bucket.map(Width::new),
            quick: rules.quick,
            inner: Mutex::new(Inner {
                bad: BadCalls::new(),
                probes: Probes::default(),
                trips: 0,
                closed_at: Tick::default(),
                failures: 0,
                slow: 0,
                successes: 0,
            }),
            good: GoodCalls::new(),
            tallies: Padded::default(),
            rules,
        }
    }

    /// [`Rules::quick`], at hand.
    #[inline]
    pub(crate) const fn is_quick(&self) -> bool {
        self.quick
    }

    /// Ends a normal call well, without the lock and with one store to the thread's own shard. `now`
    /// is needed only where the rules have a window. False: not a normal call, use [`Self::end`].
    #[inline]
    pub(crate) fn succeed(&self, ticket: &Ticket, now: Tick, shard: usize) -> bool {
        if ticket.probe != 0 {
            return false;
        }
        // The slot is of the permit's generation, so even a success that is overtaken by a
        // transition right here cannot be counted in a later one.
        if self.word() == ticket.word || self.end_row(ticket).is_some() {
            let slot = ticket.begun.is_none().then(|| self.slot(now, ticket.word));
            self.good.add(shard, slot.flatten());
        } else {
            self.stale();
        }
        true
    }

    /// A normal call has shown that the provider works, though it is not over: its output has begun.
    /// That ends a row of failures, which goes on if this one fails too, and counts in the window as a
    /// call, to which its end adds no other.
    ///
    /// Streams that break are known to be broken sooner than whole ones are known to be whole. Were
    /// only ends counted, a few early failures beside many long answers would look like an outage.
    pub(crate) fn begin(&self, ticket: &mut Ticket, now: Tick, shard: usize) {
        if ticket.probe == 0
            && ticket.begun.is_none()
            && let Some(row) = self.end_row(ticket)
        {
            ticket.begun = Some(row);
            if let Some(slot) = self.slot(now, ticket.word) {
                self.good.note(shard, slot);
            }
        }
    }

    /// Sets the row of failures to zero and says what it was. `None` if the ticket is of an earlier
    /// generation.
    fn end_row(&self, ticket: &Ticket) -> Option<u32> {
        let mut seen = self.word();
        while seen.bare() == ticket.word {
            if seen.row() == 0 {
                return Some(0);
            }
            // AcqRel: takes its place in the order of the changes made under the lock.
            match self.word.compare_exchange_weak(
                seen.0,
                seen.with_row(0).0,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(seen.row()),
                Err(now) => seen = Word(now),
            }
        }
        None
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "clock, shard and randomness come from outside"
    )]
    /// Ends a call. `wait`: how long the server wants to be left alone. `unit`: a random number in
    /// 0..1, drawn if the circuit opens.
    pub(crate) fn end(
        &self,
        ticket: &Ticket,
        end: End,
        slow: bool,
        wait: Option<Duration>,
        now: Tick,
        shard: usize,
        unit: impl FnOnce() -> f64,
    ) -> Option<Change> {
        match end {
            End::Success if !slow && self.succeed(ticket, now, shard) => return None,
            // Nothing to learn and no slot to give back.
            End::Ignored | End::Cancelled if !slow && ticket.probe == 0 => {
                self.tally(ticket, end);
                return None;
            }
            _ => {}
        }
        let mut inner = self.lock();
        // Under the lock nobody else changes the generation.
        if !self.is_current(ticket) {
            drop(inner);
            self.stale();
            return None;
        }
        if ticket.probe == 0 {
            self.end_call(&mut inner, ticket, end, slow, wait, now, unit)
        } else {
            self.end_probe(&mut inner, ticket, end, slow, wait, now, unit)
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of `end`, under the lock"
    )]
    fn end_call(
        &self,
        inner: &mut Inner,
        ticket: &Ticket,
        end: End,
        slow: bool,
        wait: Option<Duration>,
        now: Tick,
        unit: impl FnOnce() -> f64,
    ) -> Option<Change> {
        let failed = end == End::Failure;
        self.count(inner, end, slow);
        let row = match end {
            End::Failure => self.lengthen_row(ticket),
            End::Success => {
                self.end_row(ticket);
                0
            }
            End::Ignored | End::Cancelled => 0,
        };
        let slot = self.slot(now, ticket.word);
        if let Some(slot) = slot {
            inner.bad.add(slot, ticket.begun.is_none(), failed, slow);
        }
        if ticket.word.state() != State::Closed {
            return None;
        }
        let newest = inner.bad.newest();
        let good = || self.good.within(newest);
        let reason = self.rules.trips(row, inner.bad.total(), good)?;
        Some(self.open(inner, reason, wait, now, unit))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of `end`, under the lock"
    )]
    fn end_probe(
        &self,
        inner: &mut Inner,
        ticket: &Ticket,
        end: End,
        slow: bool,
        wait: Option<Duration>,
        now: Tick,
        unit: impl FnOnce() -> f64,
    ) -> Option<Change> {
        if !inner.probes.give_back(ticket.probe) {
            // Its lease ran out and another call has it now.
            self.stale();
            return None;
        }
        self.count(inner, end, slow);
        // A provider that is still slow is not back: a slow probe has failed.
        match end {
            End::Ignored | End::Cancelled if !slow => return None,
            End::Success if !slow => inner.probes.successes += 1,
            _ => inner.probes.failures += 1,
        }
        if inner.probes.successes >= self.rules.success_threshold {
            inner.closed_at = now;
            let generation = self.word().generation() + 1;
            inner.bad = BadCalls::new();
            return Some(self.publish(Word::new(generation, State::Closed, 0), inner, None));
        }
        // Out of reach: the verdicts still to come are not enough for a success.
        if inner.probes.failures > self.rules.probes - self.rules.success_threshold {
            return Some(self.open(inner, TripReason::ProbesFailed, wait, now, unit));
        }
        None
    }

    /// Whether the call may still say something: nothing has changed since it was let through.
    pub(crate) fn is_current(&self, ticket: &Ticket) -> bool {
        self.word().bare() == ticket.word
    }

    /// Makes a probe's lease last for its whole length again, for it has shown to be alive.
    pub(crate) fn renew(&self, ticket: &Ticket, now: Tick) {
        if ticket.probe != 0 && self.is_current(ticket) {
            let mut inner = self.lock();
            if self.is_current(ticket) {
                inner.probes.renew(ticket.probe, now, &self.rules);
            }
        }
    }

    /// Makes the row of failures one longer. Under the lock, so only a success can come between.
    fn lengthen_row(&self, ticket: &Ticket) -> u32 {
        // Its own sign of life has ended a row in vain.
        let before = ticket.begun.unwrap_or_default();
        let mut seen = self.word();
        loop {
            let next = seen.with_row(seen.row().max(before) + 1);
            match self.word.compare_exchange_weak(
                seen.0,
                next.0,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return next.row(),
                Err(now) => seen = Word(now),
            }
        }
    }

    fn count(&self, inner: &mut Inner, end: End, slow: bool) {
        let Padded(tallies) = &self.tallies;
        match end {
            End::Success => inner.successes += 1,
            End::Failure => inner.failures += 1,
            End::Ignored => _ = tallies.ignored.fetch_add(1, Ordering::Relaxed),
            End::Cancelled => _ = tallies.cancelled.fetch_add(1, Ordering::Relaxed),
        }
        inner.slow += u64::from(slow);
    }

    fn tally(&self, ticket: &Ticket, end: End) {
        let Padded(tallies) = &self.tallies;
        let tally = match end {
            _ if !self.is_current(ticket) => &tallies.stale,
            End::Ignored => &tallies.ignored,
            _ => &tallies.cancelled,
        };
        tally.fetch_add(1, Ordering::Relaxed);
    }

    fn stale(&self) {
        self.tallies.0.stale.fetch_add(1, Ordering::Relaxed);
    }

    fn slot(&self, now: Tick, word: Word) -> Option<Slot> {
        Some(Slot::new(now, self.width?, word.generation()))
    }

    fn open_left(&self, now: Tick) -> Duration {
        // Relaxed: ordered after the word by its Acquire.
        Tick(self.until.load(Ordering::Relaxed)).since(now)
    }

    #[inline]
    fn word(&self) -> Word {
        // Acquire: pairs with the store in `publish`.
        Word(self.word.load(Ordering::Acquire))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics half-way through a change, so a poisoned lock holds good data.
        self.inner
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
