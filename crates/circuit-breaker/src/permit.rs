use std::fmt;
use std::time::Duration;

use tower_steady_core::{Class, Lease, shard};

use crate::breaker::{End, Ticket};
use crate::circuit::Circuit;
use crate::config::{Settings, SlowBy};
use crate::state::Verdict;
use crate::tick::Tick;

/// The right to make one call, as a guard: dropped without a verdict, the call was cancelled.
pub(crate) struct Permit {
    circuit: Lease<Circuit>,
    ticket: Ticket,
    /// When the first output came, where that is what slow calls are judged by.
    first_output: Option<Tick>,
    settled: bool,
}

impl Permit {
    pub(crate) fn new(circuit: Lease<Circuit>, ticket: Ticket) -> Self {
        Self {
            circuit,
            ticket,
            first_output: None,
            settled: false,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.circuit.settings
    }

    /// Ends the call. `wait`: how long the server wants to be left alone.
    #[inline]
    pub(crate) fn settle(mut self, class: Class, wait: Option<Duration>) {
        self.settled = true;
        let settings = &self.circuit.settings;
        let end = match settings.verdicts[class.index()] {
            Verdict::Success => End::Success,
            Verdict::Failure => End::Failure,
            Verdict::Ignore => End::Ignored,
        };
        if end == End::Success && settings.rules.bucket.is_none() {
            // Nothing here depends on the time.
            let shard = shard::index(shard::COUNT);
            if self
                .circuit
                .breaker
                .succeed(&self.ticket, Tick::default(), shard)
            {
                return;
            }
        }
        let now = settings.now();
        let slow = end != End::Ignored && self.is_slow(now);
        self.end(end, slow, wait, now);
    }

    /// The stream has begun to say something.
    pub(crate) fn note_output(&mut self) {
        let settings = &self.circuit.settings;
        let measured = settings.slow_after.is_some() && settings.slow_by == SlowBy::FirstOutput;
        if measured && self.first_output.is_none() {
            self.first_output = Some(settings.now());
        }
    }

    /// The call is alive: a probe keeps its slot.
    pub(crate) fn note_progress(&self) {
        if self.ticket.is_probe() {
            let now = self.circuit.settings.now();
            self.circuit.breaker.renew(&self.ticket, now);
        }
    }

    fn is_slow(&self, now: Tick) -> bool {
        let (Some(limit), Some(started)) = (self.circuit.settings.slow_after, self.ticket.started)
        else {
            return false;
        };
        self.first_output.unwrap_or(now).since(started) > limit
    }

    fn end(&self, end: End, slow: bool, wait: Option<Duration>, now: Tick) {
        let circuit = &self.circuit;
        let shard = shard::index(shard::COUNT);
        let unit = || circuit.settings.unit();
        let change = circuit
            .breaker
            .end(&self.ticket, end, slow, wait, now, shard, unit);
        circuit.announce(change, now);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            let settings = &self.circuit.settings;
            let now = settings.now();
            let slow = settings.slow_cancels && self.is_slow(now);
            self.end(End::Cancelled, slow, None, now);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ticket.fmt(f)
    }
}
