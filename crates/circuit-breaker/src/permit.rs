use std::fmt;
use std::time::Duration;

use http::Extensions;
use tower_steady_core::{Class, Lease, Outcome, shard};

use crate::breaker::{End, Ticket};
use crate::circuit::Circuit;
use crate::error::CircuitOpen;
use crate::settings::Settings;
use crate::state::Verdict;
use crate::tick::Tick;
use crate::window::SHARDS;

/// Left on a request that a circuit has let through while not every call passed: which circuit that
/// was, by its address. It lives at least as long as the permit of that request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admitted(usize);

impl Admitted {
    pub(crate) fn by(circuit: &Circuit) -> Self {
        Self(std::ptr::from_ref(circuit).addr())
    }

    pub(crate) fn is_in(self, extensions: &Extensions) -> bool {
        extensions.get() == Some(&self)
    }
}

/// The right to make one call, as a guard: dropped without a verdict, the call was cancelled.
pub(crate) struct Permit {
    /// `None` once the verdict has fallen.
    circuit: Option<Lease<Circuit>>,
    ticket: Ticket,
    /// When the call began to wait, where that matters; `NEVER` until then.
    waits: Tick,
}

impl Permit {
    #[inline]
    pub(crate) fn new(circuit: Lease<Circuit>, ticket: Ticket) -> Self {
        Self {
            circuit: Some(circuit),
            ticket,
            waits: Tick::NEVER,
        }
    }

    /// Asks for one where not every call gets it; else says why not, and gives the circuit back.
    ///
    /// A request that the same circuit has let through already is not asked for a second one: where a
    /// circuit stands twice in a stack, the outer one would hold the only probe's slot and the inner one
    /// refuse the probe, for ever.
    #[cold]
    pub(crate) fn ask(
        circuit: Lease<Circuit>,
        extensions: &mut Extensions,
    ) -> Result<Self, (Box<CircuitOpen>, Lease<Circuit>)> {
        if Admitted::by(&circuit).is_in(extensions) {
            return Ok(Self::settled());
        }
        let now = circuit.settings.now();
        let (admitted, change) = circuit.breaker.admit(now);
        match admitted {
            Ok(ticket) => {
                extensions.insert(Admitted::by(&circuit));
                // A guard before the listeners are told, for one of them may panic.
                let permit = Self::new(circuit, ticket);
                if let Some(circuit) = &permit.circuit {
                    circuit.announce(change, now);
                }
                Ok(permit)
            }
            Err(refusal) => {
                circuit.announce(change, now);
                Err((circuit.reject(refusal), circuit))
            }
        }
    }

    /// One that is of no use any more.
    #[cold]
    pub(crate) fn settled() -> Self {
        Self {
            circuit: None,
            ticket: Ticket::default(),
            waits: Tick::NEVER,
        }
    }

    pub(crate) fn settings(&self) -> Option<&Settings> {
        self.circuit.as_ref().map(|circuit| &*circuit.settings)
    }

    /// The permit itself, leaving a settled one in its place.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            circuit: self.circuit.take(),
            ticket: self.ticket,
            waits: self.waits,
        }
    }

    /// The call has been sent and waits for its answer: from here on it may become slow.
    ///
    /// Not from where it is let through: here nothing is left to do, so reading the clock delays nobody,
    /// and an answer that is there at once is spared it.
    pub(crate) fn wait(&mut self) {
        if self.waits == Tick::NEVER
            && let Some(circuit) = &self.circuit
            && circuit.settings.slow_after.is_some()
        {
            self.waits = circuit.settings.now();
        }
    }

    /// A stream's output has begun. `now` where the time of that is known already.
    pub(crate) fn begin(&mut self, now: Option<Tick>) {
        if let Some(circuit) = &self.circuit {
            let breaker = &circuit.breaker;
            let now = match now {
                None if circuit.settings.timed => circuit.settings.now(),
                now => now.unwrap_or_default(),
            };
            breaker.begin(&mut self.ticket, now, shard::index(SHARDS));
        }
    }

    /// Ends the call well at its head: nearly every call.
    #[inline]
    pub(crate) fn succeed(&mut self) {
        if let Some(circuit) = &self.circuit
            && circuit.breaker.is_quick()
            && circuit
                .breaker
                .succeed(&self.ticket, Tick::default(), shard::index(SHARDS))
        {
            self.circuit = None;
        } else {
            self.succeed_in_time();
        }
    }

    /// The same where it matters when.
    #[inline(never)]
    fn succeed_in_time(&mut self) {
        if let Some(circuit) = &self.circuit
            && circuit.settings.verdicts[Class::Success.index()] == Verdict::Success
        {
            let now = circuit.settings.now();
            if !self.is_slow(&circuit.settings, now)
                && circuit
                    .breaker
                    .succeed(&self.ticket, now, shard::index(SHARDS))
            {
                self.circuit = None;
                return;
            }
        }
        self.settle(Class::Success, None, None, false);
    }

    /// Ends the call by what is known of it, or else by this class; a caller's impatience cancels it.
    /// `output`: when the first output came, where that is not now. `late`: whether it has come.
    pub(crate) fn judge(
        &mut self,
        known: Option<&Outcome>,
        otherwise: Class,
        output: Option<Tick>,
        late: bool,
    ) {
        match known {
            Some(outcome) if outcome.impatient => self.cancel(output),
            Some(outcome) => self.settle(outcome.class, outcome.wait, output, late),
            None => self.settle(otherwise, None, output, late),
        }
    }

    /// Ends the call. `wait`: how long the server wants to be left alone.
    fn settle(&mut self, class: Class, wait: Option<Duration>, output: Option<Tick>, late: bool) {
        let Some(circuit) = self.circuit.take() else {
            return;
        };
        let end = match circuit.settings.verdicts[class.index()] {
            Verdict::Success => End::Success,
            Verdict::Failure => End::Failure,
            Verdict::Ignore => End::Ignored,
        };
        if end == End::Failure && circuit.breaker.is_current(&self.ticket) {
            circuit.note_failure(late);
        }
        let now = circuit.settings.now();
        let slow = end != End::Ignored && self.is_slow(&circuit.settings, output.unwrap_or(now));
        self.end(&circuit, end, slow, wait, now);
    }

    /// Whether this probe may decide by its first output: calls have not failed after theirs.
    pub(crate) fn decides_early(&self) -> bool {
        let late = self.circuit.as_ref().is_some_and(|c| c.broke_late());
        self.ticket.is_probe() && !late
    }

    /// The call is alive: a probe keeps its slot.
    pub(crate) fn note_progress(&self) {
        if self.ticket.is_probe()
            && let Some(circuit) = &self.circuit
        {
            circuit.breaker.renew(&self.ticket, circuit.settings.now());
        }
    }

    fn is_slow(&self, settings: &Settings, done: Tick) -> bool {
        let taken = done.nanos_since(self.waits);
        settings.slow_after.is_some_and(|limit| taken > limit)
    }

    /// Ends the call without a verdict.
    #[cold]
    pub(crate) fn cancel(&mut self, output: Option<Tick>) {
        let Some(circuit) = self.circuit.take() else {
            return;
        };
        let now = circuit.settings.now();
        let done = output.unwrap_or(now);
        let slow = circuit.settings.slow_cancels && self.is_slow(&circuit.settings, done);
        self.end(&circuit, End::Cancelled, slow, None, now);
    }

    fn end(&self, circuit: &Circuit, end: End, slow: bool, wait: Option<Duration>, now: Tick) {
        let shard = shard::index(SHARDS);
        let unit = || circuit.settings.unit();
        let change = circuit
            .breaker
            .end(&self.ticket, end, slow, wait, now, shard, unit);
        circuit.announce(change, now);
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if self.circuit.is_some() {
            self.cancel(None);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ticket.fmt(f)
    }
}
