use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use foldhash::quality::RandomState;
use papaya::HashMap;
use tower_steady_core::key::RequestKey;
use tower_steady_core::{Lease, Shared, shard};

use crate::circuit::{Alarm, Circuit};
use crate::settings::Settings;
use crate::state::State;
use crate::tick::Tick;

/// The circuits of a keyed layer, bounded in number.
///
/// A call with a known key takes no lock: the map's readers never wait. A new key takes the one lock
/// here, which also looks for circuits to let go.
pub(crate) struct Registry<K: RequestKey> {
    pub(crate) keys: K,
    circuits: HashMap<K::Key, Entry, RandomState>,
    settings: Arc<Settings>,
    alarm: Arc<Alarm>,
    /// When to look for idle circuits again. Held by whoever adds or removes a circuit.
    next_sweep: Mutex<Tick>,
}

/// Laid out as written: what a call reads stands together, for with many keys each line that it reads
/// is one that is not in the cache.
#[repr(C)]
struct Entry {
    /// Whether there was a call since the last sweep. Written once a sweep, not by every call.
    used: AtomicBool,
    /// What calls count on, one for each shard of threads, made at the first call of each: on a single
    /// one, all threads that call with this key would write the same reference count.
    leased: [OnceLock<Shared<Circuit>>; shard::COUNT],
    circuit: Arc<Circuit>,
    /// The last sweep that found it used.
    used_at: AtomicU64,
}

/// When the map is full, this part of it goes at once, so that a flood of new keys does not pay for a
/// look at the whole map with each of them.
const EVICTED_AT_ONCE: usize = 16;

impl<K: RequestKey> Registry<K> {
    pub(crate) fn new(keys: K, settings: Arc<Settings>) -> Self {
        Self {
            keys,
            circuits: HashMap::with_hasher(RandomState::default()),
            settings,
            alarm: Arc::default(),
            next_sweep: Mutex::default(),
        }
    }

    /// The circuit of a call with this key; a new one if the key is new.
    pub(crate) fn of(&self, key: K::Key) -> Lease<Circuit> {
        self.known(&key, Entry::lease)
            .unwrap_or_else(|| self.add(key, Entry::lease))
    }

    /// The circuit of `key`, if it has one.
    pub(crate) fn get(&self, key: &K::Key) -> Option<Arc<Circuit>> {
        self.known(key, Entry::circuit)
    }

    /// The circuit of `key`; a new one if it has none.
    pub(crate) fn get_or_add(&self, key: &K::Key) -> Arc<Circuit> {
        self.get(key)
            .unwrap_or_else(|| self.add(key.clone(), Entry::circuit))
    }

    pub(crate) fn all(&self) -> Vec<(K::Key, Arc<Circuit>)> {
        let circuits = self.circuits.pin();
        let each = circuits.iter();
        each.map(|(key, entry)| (key.clone(), entry.circuit()))
            .collect()
    }

    pub(crate) fn alarm(&self) -> bool {
        self.alarm.is_on(|| self.settings.now())
    }

    fn known<T>(&self, key: &K::Key, take: impl FnOnce(&Entry) -> T) -> Option<T> {
        let circuits = self.circuits.pin();
        let entry = circuits.get(key)?;
        // Relaxed: a hint for the next sweep.
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(take(entry))
    }

    #[cold]
    fn add<T>(&self, key: K::Key, take: impl Fn(&Entry) -> T) -> T {
        let now = self.settings.now();
        let mut next_sweep = self.lock();
        if let Some(taken) = self.known(&key, &take) {
            return taken;
        }
        if now >= *next_sweep {
            self.sweep(now);
            *next_sweep = now.plus(self.settings.idle_after / 4);
        }
        let mut room = self.settings.max_keys.saturating_sub(self.circuits.len());
        if room == 0 {
            room = self.evict();
        }
        // With every place taken by circuits forced by hand, this call has one to itself, which is
        // nothing to be alarmed about.
        let has_place = room > 0;
        let circuit = Circuit::new(
            Arc::clone(&self.settings),
            Some(format!("{key:?}").into()),
            has_place.then(|| Arc::clone(&self.alarm)),
        );
        let entry = Entry {
            used: AtomicBool::new(true),
            leased: std::array::from_fn(|_| OnceLock::new()),
            circuit: Arc::new(circuit),
            used_at: AtomicU64::new(now.0),
        };
        let taken = take(&entry);
        if has_place {
            self.circuits.pin().insert(key, entry);
        }
        taken
    }

    /// Lets go of the circuits that nobody has used for long and that have nothing to remember.
    fn sweep(&self, now: Tick) {
        let circuits = self.circuits.pin();
        circuits.retain(|_, entry| {
            if entry.used.swap(false, Ordering::Relaxed) {
                entry.used_at.store(now.0, Ordering::Relaxed);
                return true;
            }
            let used_at = Tick(entry.used_at.load(Ordering::Relaxed));
            let idle = now.since(used_at) >= self.settings.idle_after;
            let kept = entry.is_watched() || entry.keeps() == Keeps::Always;
            !idle || kept || entry.is_rejecting(now)
        });
    }

    /// Makes room in a full map: first those that are closed and longest unused. Gives the number of
    /// free places.
    fn evict(&self) -> usize {
        let circuits = self.circuits.pin();
        let mut candidates: Vec<_> = circuits
            .iter()
            .filter(|(_, entry)| entry.keeps() != Keeps::Always)
            .map(|(key, entry)| {
                let used = entry.used.load(Ordering::Relaxed);
                (
                    (entry.keeps(), used, entry.used_at.load(Ordering::Relaxed)),
                    key,
                )
            })
            .collect();
        candidates.sort_by_key(|(order, _)| *order);
        let count = (self.settings.max_keys / EVICTED_AT_ONCE).max(1);
        for (_, key) in candidates.iter().take(count) {
            circuits.remove(*key);
        }
        self.settings.max_keys.saturating_sub(circuits.len())
    }

    fn lock(&self) -> MutexGuard<'_, Tick> {
        self.next_sweep
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How dear a circuit is, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Keeps {
    /// Closed: a new one is as good, but for a few calls' history.
    Little,
    /// Somebody has a handle on it, and may want to force it or to see what becomes of it.
    Watched,
    /// Open or half-open: it knows of an outage.
    Outage,
    /// Forced by hand: somebody relies on it.
    Always,
}

impl Entry {
    fn circuit(&self) -> Arc<Circuit> {
        Arc::clone(&self.circuit)
    }

    fn lease(&self) -> Lease<Circuit> {
        self.leased[shard::index(shard::COUNT)]
            .get_or_init(|| Shared::from(Arc::clone(&self.circuit)))
            .lease()
    }

    /// Whether there are references but our own.
    fn is_watched(&self) -> bool {
        let leased = self.leased.iter().filter(|own| own.get().is_some());
        Arc::strong_count(&self.circuit) > 1 + leased.count()
    }

    fn keeps(&self) -> Keeps {
        match self.circuit.breaker.state() {
            State::Closed if self.is_watched() => Keeps::Watched,
            State::Closed => Keeps::Little,
            State::Open | State::HalfOpen => Keeps::Outage,
            State::ForcedOpen | State::ForcedClosed => Keeps::Always,
        }
    }

    fn is_rejecting(&self, now: Tick) -> bool {
        let left = self.circuit.breaker.status(now).left;
        left.is_some_and(|left| !left.is_zero())
    }
}
