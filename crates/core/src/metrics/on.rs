//! Recording to whichever recorder the program has installed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Key, Label, Level, Metadata, SharedString, Unit, with_recorder};

use super::{Kind, Metric};

/// For recorders that filter; ours do not differ.
static METADATA: Metadata<'static> = Metadata::new("tower_steady", Level::INFO, None);

/// The gauges that are kept by their changes. A recorder may be installed later than the first change,
/// and a change alone would leave it wrong for good.
static SHIFTED: Mutex<BTreeMap<Key, i64>> = Mutex::new(BTreeMap::new());

/// What the operator calls a layer.
#[derive(Clone, Debug)]
pub struct Name(SharedString);

/// A label's value.
#[derive(Clone, Debug)]
pub struct Value(SharedString);

/// One series of a [`Metric`].
#[derive(Clone, Debug)]
pub struct Series(Key);

/// When something began, where somebody wants to know how long it took.
#[derive(Clone, Copy, Debug)]
pub struct Since(Instant);

impl Name {
    /// A name.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(match name.into() {
            Cow::Borrowed(name) => SharedString::const_str(name),
            // Shared, so that a label costs no copy.
            Cow::Owned(name) => SharedString::from_shared(Arc::from(name)),
        })
    }
}

impl Default for Name {
    fn default() -> Self {
        Self::new("default")
    }
}

impl Value {
    /// A name that the operator gave to something else than a layer, at its construction.
    #[must_use]
    pub fn named(name: &Arc<str>) -> Self {
        Self(SharedString::from_shared(Arc::clone(name)))
    }
}

impl From<&'static str> for Value {
    fn from(value: &'static str) -> Self {
        Self(SharedString::const_str(value))
    }
}

impl From<&Name> for Value {
    fn from(name: &Name) -> Self {
        Self(name.0.clone())
    }
}

impl Metric {
    /// Tells the recorder what the metric means.
    pub fn describe(&self) {
        let unit = match self.unit {
            "s" => Unit::Seconds,
            _ => Unit::Count,
        };
        let (name, meaning) = (self.name.into(), SharedString::const_str(self.meaning));
        with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(name, Some(unit), meaning),
            Kind::Gauge => recorder.describe_gauge(name, Some(unit), meaning),
            Kind::Histogram => recorder.describe_histogram(name, Some(unit), meaning),
        });
    }
}

impl Series {
    pub(super) fn new<const N: usize>(metric: &Metric, labels: [(&'static str, Value); N]) -> Self {
        let label = |(key, Value(value))| {
            debug_assert!(metric.labels.contains(&key), "{key} of {}", metric.name);
            Label::new(key, value)
        };
        let labels: Vec<_> = labels.map(label).into();
        // Retained: a recorder that keeps or copies the key counts a reference.
        Self(Key::from_parts(metric.name, labels).to_retained())
    }

    /// Adds to a counter.
    pub fn increment(&self, by: u64) {
        with_recorder(|recorder| recorder.register_counter(&self.0, &METADATA).increment(by));
    }

    /// Sets a gauge.
    pub fn set(&self, value: f64) {
        with_recorder(|recorder| recorder.register_gauge(&self.0, &METADATA).set(value));
    }

    /// Moves a gauge that several keep together: all its changes add up, whoever makes them.
    pub fn shift(&self, by: i64) {
        let mut shifted = SHIFTED.lock().unwrap_or_else(PoisonError::into_inner);
        let value = shifted.entry(self.0.clone()).or_default();
        *value += by;
        // Under the lock, so that of two changes the later one is told last.
        self.set(*value as f64);
    }

    /// Records a time in a histogram.
    pub fn record(&self, time: Duration) {
        with_recorder(|recorder| {
            let histogram = recorder.register_histogram(&self.0, &METADATA);
            histogram.record(time.as_secs_f64());
        });
    }
}

impl Since {
    /// From now on, by the clock that is handed in.
    pub fn now(clock: impl FnOnce() -> Instant) -> Self {
        Self(clock())
    }

    /// How long ago that is, by the clock that is handed in.
    #[must_use]
    pub fn elapsed(self, clock: impl FnOnce() -> Instant) -> Duration {
        clock().saturating_duration_since(self.0)
    }
}
