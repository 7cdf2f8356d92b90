//! A line behind its lock, with the events and wake-ups that follow from what happens to it.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::config::Settings;
use super::line::{Change, Effects, Entry, Line, Ticket, Turn};
use super::pacer::Pass;
use crate::events;
use crate::metrics;
use crate::sync::{AtomicUsize, Mutex, Ordering, lock};

/// What all keys of a layer share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) settings: Settings,
    /// How many lines are engaged.
    pub(crate) engaged: AtomicUsize,
}

/// One key's line.
pub(crate) struct Slot<Q> {
    key: Q,
    line: Mutex<Line>,
    common: Arc<Common>,
}

impl<Q> Slot<Q> {
    pub(crate) fn new(key: Q, now: Instant, common: Arc<Common>) -> Self {
        let line = Line::new(now, &common.settings.rates);
        Self {
            key,
            line: Mutex::new(line),
            common,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.common.settings
    }

    /// As [`Line::join`]; where there is no place, how long it would have taken.
    pub(crate) fn join(
        &self,
        again: Option<Ticket>,
        give_up: Instant,
        now: Instant,
    ) -> Result<Ticket, Duration> {
        let most = self.settings().max_waiting;
        let mut line = lock(&self.line);
        line.join(again, give_up, most)
            .ok_or_else(|| line.estimate(now, line.waiting()))
    }

    pub(crate) fn leave(&self, ticket: Ticket) {
        let mut effects = Effects::default();
        lock(&self.line).leave(ticket, &mut effects);
        effects.wake();
    }

    pub(crate) fn success(&self, pass: Pass) {
        let mut effects = Effects::default();
        lock(&self.line).success(pass, &self.common.settings.rates, &mut effects);
        effects.wake();
    }

    /// As [`Line::landed`].
    pub(crate) fn landed(&self, now: Instant) {
        let mut effects = Effects::default();
        lock(&self.line).landed(now, &self.common.settings.rates, &mut effects);
        effects.wake();
    }

    /// As [`Line::bounced`].
    pub(crate) fn bounced(&self) {
        lock(&self.line).bounced();
    }

    /// Looks at the line without changing it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Line) -> T) -> T {
        look(&lock(&self.line))
    }

    pub(crate) fn key(&self) -> &Q {
        &self.key
    }
}

/// What may become an event that names the key.
impl<Q: fmt::Debug> Slot<Q> {
    pub(crate) fn enter(&self, now: Instant, give_up: Instant) -> Entry {
        let most = self.settings().max_waiting;
        self.with(now, |line, effects| line.enter(now, give_up, most, effects))
    }

    pub(crate) fn poll(&self, ticket: Ticket, now: Instant, waker: &Waker) -> Turn {
        self.with(now, |line, effects| line.poll(ticket, now, waker, effects))
    }

    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.with(now, |line, effects| line.is_open(now, effects))
    }

    /// The server asked for `wait`. Merges by max.
    pub(crate) fn pause(&self, now: Instant, wait: Duration) {
        let rates = &self.common.settings.rates;
        let Some(end) = now.checked_add(wait) else {
            return;
        };
        self.with(now, |line, effects| line.pause(now, end, rates, effects));
    }

    /// Ends the pause by hand. False if there was none.
    pub(crate) fn resume(&self, now: Instant) -> bool {
        self.with(now, |line, effects| line.resume(now, effects))
    }

    pub(crate) fn refusal(&self, pass: Pass, now: Instant) {
        let rates = &self.common.settings.rates;
        let mut line = lock(&self.line);
        let lowered = line.refusal(pass, now, rates);
        let rate = line.rate();
        drop(line);
        if lowered {
            events::slower(&self.key, rate);
        }
    }

    /// Lets time pass, for a line that nobody asks.
    pub(crate) fn tick(&self, now: Instant) {
        self.with(now, |line, effects| line.tick(now, effects));
    }

    fn with<T>(&self, now: Instant, act: impl FnOnce(&mut Line, &mut Effects) -> T) -> T {
        let mut effects = Effects::default();
        let mut line = lock(&self.line);
        let before = line.is_engaged();
        let result = act(&mut line, &mut effects);
        // Under the lock, so that the count follows the lines exactly. Relaxed: whoever reads it too
        // early lets one more call through, as if that call had come a moment before.
        match (before, line.is_engaged()) {
            (false, true) => {
                self.common.engaged.fetch_add(1, Ordering::Relaxed);
            }
            (true, false) => {
                self.common.engaged.fetch_sub(1, Ordering::Relaxed);
            }
            _ => {}
        }
        let (left, waiting, rate) = (line.left(now), line.waiting(), line.rate());
        drop(line);
        let left = left.unwrap_or_default();
        match effects.change {
            Some(Change::Began) => {
                events::began(&self.key, left, rate);
                metrics::began(&self.settings().name);
            }
            Some(Change::Grew) => events::grew(&self.key, left, waiting),
            Some(Change::Ended) => events::ended(&self.key, waiting, rate),
            None => {}
        }
        effects.wake();
        result
    }
}

impl Effects {
    /// Wakes whom it names. Not under the lock: a waker runs code of others.
    fn wake(self) {
        for waker in self.wake {
            waker.wake();
        }
    }
}

impl<Q: fmt::Debug> fmt::Debug for Slot<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
