use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::breaker::{Breaker, Change, Refusal};
use crate::error::CircuitOpen;
use crate::events;
use crate::metrics;
use crate::settings::Settings;
use crate::snapshot::CircuitSnapshot;
use crate::state::{State, Transition};
use crate::tick::Tick;

/// One circuit: the core with a clock, listeners and a name.
pub(crate) struct Circuit {
    pub(crate) breaker: Breaker,
    pub(crate) settings: Arc<Settings>,
    key: Option<Arc<str>>,
    watch: watch::Sender<Transition>,
    alarm: Option<Arc<Alarm>>,
    /// Whether the last failure was a stream's that had begun its output. Relaxed: a hint for probes.
    broke_late: AtomicBool,
}

/// Whether any circuit of a keyed layer may be open: what `poll_ready`, which does not know the key
/// yet, has to know.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    /// No circuit is open by itself after this.
    until: AtomicU64,
    /// How many are open by hand.
    forced: AtomicUsize,
}

impl Alarm {
    pub(crate) fn is_on(&self, now: impl FnOnce() -> Tick) -> bool {
        // Relaxed: a hint. A `poll_ready` that misses it waits for the inner service as it does while
        // all is well.
        if self.forced.load(Ordering::Relaxed) > 0 {
            return true;
        }
        let until = self.until.load(Ordering::Relaxed);
        until > 0 && now().0 < until
    }
}

impl Circuit {
    pub(crate) fn new(
        settings: Arc<Settings>,
        key: Option<Arc<str>>,
        alarm: Option<Arc<Alarm>>,
    ) -> Self {
        let first = Transition {
            from: State::Closed,
            to: State::Closed,
            reason: None,
            generation: 0,
            trips: 0,
            open_for: None,
            key: key.clone(),
        };
        metrics::made(&settings.name);
        Self {
            breaker: Breaker::new(Arc::clone(&settings.rules)),
            settings,
            key,
            watch: watch::Sender::new(first),
            alarm,
            broke_late: AtomicBool::new(false),
        }
    }

    pub(crate) fn note_failure(&self, late: bool) {
        self.broke_late.store(late, Ordering::Relaxed);
    }

    pub(crate) fn broke_late(&self) -> bool {
        self.broke_late.load(Ordering::Relaxed)
    }

    /// Whether a call would not be let through now.
    #[inline]
    pub(crate) fn would_refuse(&self) -> bool {
        // Nearly always closed: no clock read then.
        !self.breaker.admits_all() && self.breaker.would_refuse(self.settings.now()).is_some()
    }

    /// Rejects a call that would not be let through now; takes nothing for one that would.
    pub(crate) fn check(&self) -> Result<(), Box<CircuitOpen>> {
        if self.breaker.admits_all() {
            return Ok(());
        }
        match self.breaker.would_refuse(self.settings.now()) {
            Some(refusal) => {
                self.breaker.count_rejected();
                Err(self.reject(refusal))
            }
            None => Ok(()),
        }
    }

    #[cold]
    pub(crate) fn reject(&self, refusal: Refusal) -> Box<CircuitOpen> {
        events::rejected(&refusal, self.key.as_deref());
        metrics::rejected(&self.settings.name, &refusal);
        Box::new(CircuitOpen::new(refusal, self.key.clone()))
    }

    pub(crate) fn force(&self, state: State) {
        let now = self.settings.now();
        self.announce(Some(self.breaker.force(state, now)), now);
    }

    pub(crate) fn snapshot(&self) -> CircuitSnapshot {
        let look = self.breaker.look(self.settings.now());
        CircuitSnapshot {
            key: self.key.as_deref().map(str::to_owned),
            state: look.status.state,
            reason: look.status.reason,
            left: look.status.left,
            trips: look.trips,
            generation: look.status.generation,
            counts: look.counts,
            window: look.window,
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Transition> {
        self.watch.subscribe()
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Tells the world about a transition. Never under the breaker's lock.
    #[inline]
    pub(crate) fn announce(&self, change: Option<Change>, now: Tick) {
        if let Some(change) = change {
            self.announce_change(change, now);
        }
    }

    #[cold]
    fn announce_change(&self, change: Change, now: Tick) {
        if let Some(alarm) = &self.alarm {
            alarm.note(&change, now);
        }
        let transition = Transition {
            from: change.from,
            to: change.to,
            reason: change.reason,
            generation: change.generation,
            trips: change.trips,
            open_for: change.open_for,
            key: self.key.clone(),
        };
        events::changed(&transition);
        metrics::changed(&self.settings.name, &change);
        self.watch.send_if_modified(|last| {
            // Two threads may come here in either order; the later transition stays.
            let newer = transition.generation > last.generation;
            if newer {
                last.clone_from(&transition);
            }
            newer
        });
        for listener in &self.settings.listeners {
            listener(&transition);
        }
    }
}

impl Drop for Circuit {
    fn drop(&mut self) {
        metrics::gone(&self.settings.name, self.breaker.state());
    }
}

impl Alarm {
    fn note(&self, change: &Change, now: Tick) {
        if let Some(open_for) = change.open_for {
            self.until
                .fetch_max(now.plus(open_for).0, Ordering::Relaxed);
        }
        let was = change.from == State::ForcedOpen;
        let is = change.to == State::ForcedOpen;
        if is && !was {
            self.forced.fetch_add(1, Ordering::Relaxed);
        } else if was && !is {
            self.forced.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuit")
            .field("key", &self.key)
            .field("status", &self.breaker.status(self.settings.now()))
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(steady_loom)))]
mod tests {
    use super::*;
    use crate::CircuitBreakerBuilder;

    fn circuit(alarm: &Arc<Alarm>) -> Circuit {
        let (settings, _) = CircuitBreakerBuilder::five_in_a_row().settings().unwrap();
        Circuit::new(Arc::new(settings), None, Some(Arc::clone(alarm)))
    }

    #[test]
    fn the_alarm_is_on_while_any_circuit_is_open_by_hand() {
        let alarm = Arc::default();
        let circuits = [circuit(&alarm), circuit(&alarm)];
        let is_on = || alarm.is_on(Tick::default);
        for state in [State::Closed, State::ForcedClosed] {
            for circuit in &circuits {
                circuit.force(State::ForcedOpen);
                circuit.force(State::ForcedOpen);
            }
            assert!(is_on());
            circuits[0].force(state);
            assert!(is_on(), "the other one is still open");
            circuits[1].force(state);
            assert!(!is_on());
        }
    }

    #[test]
    fn a_watcher_keeps_the_later_of_two_transitions_that_come_out_of_order() {
        let circuit = circuit(&Arc::default());
        let mut watch = circuit.subscribe();
        watch.mark_unchanged();
        let change = |generation| Change {
            from: State::Closed,
            to: State::Open,
            reason: None,
            generation,
            trips: 1,
            open_for: None,
        };
        for (generation, seen) in [(2, true), (1, false), (2, false), (3, true)] {
            circuit.announce_change(change(generation), Tick::default());
            assert_eq!(watch.has_changed().unwrap(), seen, "{generation}");
            let kept = watch.borrow_and_update().generation;
            assert_eq!(kept, generation.max(2), "{generation}");
        }
    }
}
