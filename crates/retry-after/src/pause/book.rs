//! The lines of all keys: which there are, and how few they may stay.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::config::Settings;
use super::line::Line;
use super::slot::{Common, Slot};
use crate::events;
use crate::sync::{AtomicUsize, Mutex, Ordering, RwLock, lock};

/// How often lines that nobody asks are looked after, while any is engaged.
const SWEEP: Duration = Duration::from_secs(1);

/// The lines of a layer by key.
pub(crate) struct Book<Q> {
    common: Arc<Common>,
    lines: RwLock<HashMap<Q, Arc<Slot<Q>>>>,
    swept: Mutex<Option<Instant>>,
}

impl<Q> Book<Q> {
    pub(crate) fn settings(&self) -> &Settings {
        &self.common.settings
    }

    /// Whether any key is paused or paced; if not, no call needs to ask.
    pub(crate) fn is_engaged(&self) -> bool {
        // Relaxed: see `Slot::with`.
        self.common.engaged.load(Ordering::Relaxed) != 0
    }
}

impl<Q: Clone + Eq + Hash + fmt::Debug> Book<Q> {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            common: Arc::new(Common {
                settings,
                engaged: AtomicUsize::new(0),
            }),
            lines: RwLock::new(HashMap::new()),
            swept: Mutex::new(None),
        }
    }

    /// The line of `key`, if it has one.
    pub(crate) fn find(&self, key: &Q) -> Option<Arc<Slot<Q>>> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.get(key).cloned()
    }

    /// The line of `key`, with room made for it. None where all keys that may be kept are in use.
    pub(crate) fn open(&self, key: &Q, now: Instant) -> Option<Arc<Slot<Q>>> {
        if let Some(slot) = self.find(key) {
            return Some(slot);
        }
        let most = self.settings().max_keys;
        if self.len() >= most {
            self.tick(now);
        }
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = lines.get(key) {
            return Some(Arc::clone(slot));
        }
        if lines.len() >= most {
            Self::evict(&mut lines);
        }
        if lines.len() >= most {
            drop(lines);
            events::too_many_keys(key, most);
            return None;
        }
        let slot = Arc::new(Slot::new(key.clone(), now, Arc::clone(&self.common)));
        lines.insert(key.clone(), Arc::clone(&slot));
        Some(slot)
    }

    /// Every line there is.
    pub(crate) fn all(&self) -> Vec<Arc<Slot<Q>>> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lines
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Looks after the lines whose own calls do not come, now and then: ends what has run out, and
    /// forgets who has been idle.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut swept = lock(&self.swept);
        if swept.is_some_and(|last| now.saturating_duration_since(last) < SWEEP) {
            return;
        }
        *swept = Some(now);
        drop(swept);
        self.tick(now);
        let idle = self.settings().idle;
        let is_idle = |slot: &Arc<Slot<Q>>| {
            Self::is_spare(slot) && now.saturating_duration_since(slot.look(Line::busy)) >= idle
        };
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|_, slot| !is_idle(slot));
    }

    /// Outside of the map's lock, for a line may have something to tell.
    fn tick(&self, now: Instant) {
        for slot in self.all() {
            slot.tick(now);
        }
    }

    /// Makes room: who has been calm for longest goes.
    fn evict(lines: &mut HashMap<Q, Arc<Slot<Q>>>) {
        let calmest = lines
            .values()
            .filter(|slot| Self::is_spare(slot))
            .min_by_key(|slot| slot.look(Line::busy))
            .map(|slot| slot.key().clone());
        if let Some(key) = calmest {
            lines.remove(&key);
        }
    }

    /// Whether nobody would miss it. While the map is locked for writing nobody can get hold of a slot,
    /// so one that nobody else holds stays so: no waiter and no call in flight is left behind.
    fn is_spare(slot: &Arc<Slot<Q>>) -> bool {
        Arc::strong_count(slot) == 1 && !slot.look(Line::is_engaged)
    }
}

impl<Q> fmt::Debug for Book<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("settings", &self.common.settings)
            .finish_non_exhaustive()
    }
}
