//! The calls of one key in a row: until when they are paused, and whose turn it is.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::flight::Flight;
use super::pacer::{Pacer, Pass, Rates};

/// A place in the line. Smaller came earlier.
pub(crate) type Ticket = u64;

/// A calm line lets go of its calls after this time: nobody had to wait, nothing was refused.
const LINGER: Duration = Duration::from_secs(10);

/// A turn that is not taken for so long is called out, and as much later goes to the next: whoever waits
/// and is not polled (a stream of calls whose reader is busy with another one) must not hold up all
/// others.
const TURN: Duration = Duration::from_secs(1);

/// Nobody looks further ahead.
const FAR: Duration = Duration::from_secs(3600);

/// From this time on, a pause gathers a crowd.
const CROWDED: Duration = Duration::from_secs(1);

/// The state of one key. Pure: callers bring the time, and wake whom [`Effects`] names.
///
/// A line is *free* until its first pause; then it is *engaged*, and every call of the key asks it,
/// until it has been calm for [`LINGER`]. It keeps what it learned of the rate.
///
/// The one at the head watches the time for its turn, all others whether it is taken. Whoever leaves one
/// of the first two places, by turn, by giving up or by being dropped, wakes those who are there then,
/// so that no waiter is forgotten.
#[derive(Debug)]
pub(crate) struct Line {
    engaged: bool,
    until: Option<Instant>,
    /// When the pause began.
    since: Instant,
    pacer: Pacer,
    flight: Flight,
    waiting: BTreeMap<Ticket, Waiting>,
    /// Those who did not take their turn. They are in the line again when they ask.
    absent: BTreeMap<Ticket, Waiting>,
    /// Who is at the head, and since when.
    headed: Option<(Ticket, Instant)>,
    next: Ticket,
    /// When the pace was last felt, or the end of the pause.
    busy: Instant,
}

#[derive(Debug)]
struct Waiting {
    waker: Option<Waker>,
    /// Somebody ahead has missed a turn since it asked last.
    called: bool,
    give_up: Instant,
}

/// What a call is told that comes to the line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The line is free: nothing is counted.
    Free,
    /// Go now.
    Go(Pass),
    /// Take a place, by [`Line::join`].
    Wait,
    /// It could only go after it gave up; the time until it could go.
    Late(Duration),
    /// Too many wait already.
    Full(Duration),
}

/// What a waiting call is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Go now; the place is given up.
    Go(Pass),
    /// Not yet: ask again at this instant, or when woken.
    Wait(Instant),
    /// Too late; the place is given up.
    Late(Duration),
    /// There was no place.
    Full(Duration),
}

/// What is to be done once the line is unlocked.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Effects {
    pub(crate) wake: Vec<Waker>,
    /// Wakers that are not needed any more. The last reference to a task may be among them, and
    /// dropping a task may drop another call that waits here and wants the lock.
    pub(crate) unneeded: Vec<Waker>,
    pub(crate) change: Option<Change>,
}

/// What became of the pause, for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Began,
    Grew,
    Ended,
}

impl Line {
    pub(crate) fn new(now: Instant, rates: &Rates) -> Self {
        Self {
            engaged: false,
            until: None,
            since: now,
            pacer: Pacer::new(rates),
            flight: Flight::new(now),
            waiting: BTreeMap::new(),
            absent: BTreeMap::new(),
            headed: None,
            next: 0,
            busy: now,
        }
    }

    /// Whether calls must ask.
    pub(crate) fn is_engaged(&self) -> bool {
        self.engaged
    }

    /// When the line last had something to do.
    pub(crate) fn busy(&self) -> Instant {
        self.busy
    }

    /// The time left of the pause.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    pub(crate) fn rate(&self) -> f64 {
        self.pacer.rate()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len() + self.absent.len()
    }

    /// Pauses until `end`, or for longer if it is paused for longer already.
    pub(crate) fn pause(
        &mut self,
        now: Instant,
        end: Instant,
        rates: &Rates,
        effects: &mut Effects,
    ) {
        self.tick(now, effects);
        if !self.engaged {
            self.engaged = true;
            self.pacer.restart(rates);
            self.flight = Flight::new(now);
        }
        self.busy = self.busy.max(end);
        match self.until {
            Some(until) if until >= end => {}
            Some(_) => {
                self.until = Some(end);
                effects.change = Some(Change::Grew);
                self.wake_late(end, effects);
            }
            None if end > now => {
                (self.since, self.until) = (now, Some(end));
                effects.change = Some(Change::Began);
                self.wake_late(end, effects);
            }
            None => {}
        }
    }

    /// Ends the pause by hand. False if there was none.
    pub(crate) fn resume(&mut self, now: Instant, effects: &mut Effects) -> bool {
        self.tick(now, effects);
        let paused = self.until.is_some();
        if paused {
            self.busy = now;
            self.open(now, effects);
            self.wake_first(effects);
        }
        paused
    }

    /// A call comes. It waits until `give_up` at most, and only behind fewer than `most`.
    pub(crate) fn enter(
        &mut self,
        now: Instant,
        give_up: Instant,
        most: usize,
        effects: &mut Effects,
    ) -> Entry {
        self.tick(now, effects);
        if !self.engaged {
            return Entry::Free;
        }
        self.pass_over(Ticket::MAX, now, effects);
        let due = self.due(now);
        if self.waiting.is_empty() && due <= now {
            return Entry::Go(self.pacer.take(now, false));
        }
        self.busy = self.busy.max(now);
        // What is certain: nobody goes before it is due. How long those ahead will take is not.
        if due > give_up || give_up <= now {
            return Entry::Late(self.estimate(now, self.waiting.len()));
        }
        if self.waiting.len() >= most || self.is_long(give_up.saturating_duration_since(due)) {
            return Entry::Full(self.estimate(now, self.waiting.len()));
        }
        Entry::Wait
    }

    /// Whether those who wait will take more than half of this time, once they may go. Behind a queue
    /// that was longer, a call would be sent when there is no time left for its answer; and where more
    /// come than the limit lets pass, all of them would.
    fn is_long(&self, time: Duration) -> bool {
        self.pacer.knows_limit() && self.queue(self.waiting.len()) > time / 2
    }

    fn queue(&self, ahead: usize) -> Duration {
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        self.pacer.interval().saturating_mul(ahead)
    }

    /// Takes the last place, or `again` the one that was given up for a turn which could not be used.
    /// None where as many as `most` wait already. To be followed by [`Line::poll`] at once, for a head
    /// that nobody polls holds up all others.
    pub(crate) fn join(
        &mut self,
        again: Option<Ticket>,
        give_up: Instant,
        most: usize,
    ) -> Option<Ticket> {
        let ticket = match again {
            Some(ticket) => ticket,
            None if self.waiting.len() >= most => return None,
            None => {
                self.next += 1;
                self.next
            }
        };
        let waiting = Waiting {
            waker: None,
            called: false,
            give_up,
        };
        self.waiting.insert(ticket, waiting);
        Some(ticket)
    }

    /// The call with this place asks whether it is its turn.
    pub(crate) fn poll(
        &mut self,
        ticket: Ticket,
        now: Instant,
        waker: &Waker,
        effects: &mut Effects,
    ) -> Turn {
        self.tick(now, effects);
        let due = self.due(now);
        if let Some(back) = self.absent.remove(&ticket) {
            self.waiting.insert(ticket, back);
        }
        let Some(waiting) = self.waiting.get_mut(&ticket) else {
            debug_assert!(false, "polled without a place");
            return Turn::Late(Duration::ZERO);
        };
        waiting.called = false;
        let give_up = waiting.give_up;
        self.pass_over(ticket, now, effects);
        let head = self.head() == Some(ticket);
        if head && due <= now && now <= give_up {
            self.busy = self.busy.max(now);
            self.leave(ticket, effects);
            return Turn::Go(self.pacer.take(now, true));
        }
        if now >= give_up || self.until.is_some_and(|until| until > give_up) {
            let ahead = self.waiting.range(..ticket).count();
            let left = self.estimate(now, ahead);
            self.leave(ticket, effects);
            return Turn::Late(left);
        }
        if let Some(waiting) = self.waiting.get_mut(&ticket) {
            let known = waiting.waker.take();
            let (same, other) = match known {
                Some(known) if known.will_wake(waker) => (Some(known), None),
                other => (None, other),
            };
            waiting.waker = same.or_else(|| Some(waker.clone()));
            effects.unneeded.extend(other);
        }
        let turn = if head { due } else { self.missed(ticket, now) };
        Turn::Wait(turn.min(give_up))
    }

    /// The call with this place is not coming.
    pub(crate) fn leave(&mut self, ticket: Ticket, effects: &mut Effects) {
        let first = [self.head(), self.second()].contains(&Some(ticket));
        if let Some(left) = self.absent.remove(&ticket) {
            effects.unneeded.extend(left.waker);
        }
        if let Some(left) = self.waiting.remove(&ticket) {
            effects.unneeded.extend(left.waker);
            if first {
                self.wake_first(effects);
            }
        }
    }

    /// Whether a call whose turn came may still go: the last look before it is sent.
    pub(crate) fn is_open(&mut self, now: Instant, effects: &mut Effects) -> bool {
        self.tick(now, effects);
        self.until.is_none()
    }

    /// A call that asked was answered.
    pub(crate) fn success(&mut self, pass: Pass, rates: &Rates, effects: &mut Effects) {
        if self.pacer.success(pass, rates) {
            // The head may go earlier than it knows.
            self.wake_first(effects);
        }
    }

    /// A call that asked was refused for being too many. True if that lowered the rate.
    pub(crate) fn refusal(&mut self, pass: Pass, now: Instant, rates: &Rates) -> bool {
        self.busy = self.busy.max(now);
        self.pacer.refusal(pass, rates)
    }

    /// A call that did not ask, for the line was free, was a success.
    pub(crate) fn landed(&mut self, now: Instant, rates: &Rates, effects: &mut Effects) {
        if !self.engaged {
            return;
        }
        let rate = self.flight.accepted(now);
        if self.pacer.achieved(rate, self.flight.share(), rates) {
            self.wake_first(effects);
        }
    }

    /// A call that did not ask was refused. It counts with those that were sent with it, and lowers
    /// nothing.
    pub(crate) fn bounced(&mut self) {
        if self.engaged {
            self.flight.refused();
        }
    }

    /// Notices that time has passed: the pause ends, a calm line lets go.
    pub(crate) fn tick(&mut self, now: Instant, effects: &mut Effects) {
        if self.until.is_some_and(|until| until <= now) {
            self.open(now, effects);
        }
        let calm = now.saturating_duration_since(self.busy) >= LINGER;
        if calm && self.until.is_none() && self.waiting.is_empty() {
            self.engaged = false;
        }
    }

    fn open(&mut self, now: Instant, effects: &mut Effects) {
        let end = self.until.take().map_or(now, |until| until.min(now));
        // Its turn has not come before.
        self.headed = self.headed.map(|(head, _)| (head, end));
        // In less no crowd comes together: most of those who wait were held by the pace before.
        if now.saturating_duration_since(self.since) >= CROWDED {
            self.pacer.release(self.waiting.len());
        }
        effects.change = Some(Change::Ended);
    }

    fn head(&self) -> Option<Ticket> {
        self.waiting.keys().next().copied()
    }

    /// Where the head has missed its turn, calls all who are ahead of the one that asks, for they may only
    /// be late; a turn later passes over those of them that have not asked since.
    fn pass_over(&mut self, asking: Ticket, now: Instant, effects: &mut Effects) {
        let head = self.head();
        if self.headed.map(|(head, _)| head) != head {
            self.headed = head.map(|head| (head, now));
        }
        if head.is_none_or(|head| head >= asking) || self.missed(0, now) > now {
            return;
        }
        let behind = self.waiting.split_off(&asking);
        let ahead = mem::replace(&mut self.waiting, behind);
        for (ticket, mut waiting) in ahead {
            if waiting.called {
                self.absent.insert(ticket, waiting);
            } else {
                waiting.called = true;
                effects.wake.extend(waiting.waker.take());
                self.waiting.insert(ticket, waiting);
            }
        }
        self.headed = self.head().map(|head| (head, now));
        self.wake_first(effects);
    }

    /// When the turn of those ahead of `ticket` will be over, as far as is known.
    fn missed(&self, ticket: Ticket, now: Instant) -> Instant {
        let (head, since) = self.headed.unwrap_or((ticket, now));
        let called = self.waiting.get(&head).is_some_and(|head| head.called);
        let turns = if called || self.second() == Some(ticket) {
            Duration::ZERO
        } else {
            // As many as there are tickets between: some may have left.
            let behind = usize::try_from(ticket.saturating_sub(head + 1)).unwrap_or(usize::MAX);
            self.queue(behind.min(self.waiting.len())).min(FAR)
        };
        let due = [self.until, self.pacer.due()].into_iter().flatten();
        let due = due.fold(since, Instant::max);
        due.checked_add(turns + TURN).unwrap_or(due)
    }

    fn second(&self) -> Option<Ticket> {
        self.waiting.keys().nth(1).copied()
    }

    fn due(&self, now: Instant) -> Instant {
        let paced = self.pacer.due().unwrap_or(now);
        self.until.map_or(paced, |until| until.max(paced))
    }

    /// How long until a call with that many ahead could go, at the present rate.
    pub(crate) fn estimate(&self, now: Instant, ahead: usize) -> Duration {
        self.due(now)
            .saturating_duration_since(now)
            .saturating_add(self.queue(ahead))
    }

    /// Wakes the head and the one behind it.
    fn wake_first(&mut self, effects: &mut Effects) {
        for waiting in self.waiting.values_mut().take(2) {
            effects.wake.extend(waiting.waker.take());
        }
    }

    /// Wakes whoever would give up before the pause ends: they need not wait for that.
    fn wake_late(&mut self, end: Instant, effects: &mut Effects) {
        for waiting in self.waiting.values_mut().chain(self.absent.values_mut()) {
            if waiting.give_up < end {
                effects.wake.extend(waiting.waker.take());
            }
        }
    }
}
