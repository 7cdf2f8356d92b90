//! What layers count with, over the [`metrics`](https://docs.rs/metrics) facade.
//!
//! With the feature `metrics` off, everything here is empty: a [`Series`] has no size and records
//! nothing, a clock that is handed in is not read, and no dependency is compiled. So the layers call it
//! without a word about the feature. The feature is one switch for the whole program: whichever crate
//! turns it on, all layers count.
//!
//! A layer lists its metrics as constants and counts by them, which keeps names, labels and documentation
//! in one place:
//!
//! ```
//! use tower_steady_core::metrics::{Metric, Name, label};
//! use tower_steady_core::Class;
//!
//! const HITS: Metric = Metric::counter(
//!     "my_cache.hits",
//!     "{hit}",
//!     &[label::NAME, label::CLASS],
//!     "Answers from the cache.",
//! );
//!
//! let name = Name::new("models");
//! let labels = [(label::NAME, (&name).into()), (label::CLASS, Class::Success.as_str().into())];
//! HITS.series(labels).increment(1);
//! ```
//!
//! A label's value is a `&'static str` or a name that the operator gave to something at its construction
//! ([`Name`], [`Value::named`]): nothing from a request or a response.

#[cfg_attr(feature = "metrics", path = "on.rs")]
#[cfg_attr(not(feature = "metrics"), path = "off.rs")]
mod recording;

pub use self::recording::{Name, Series, Since, Value};

/// Whether anything is recorded.
pub const ENABLED: bool = cfg!(feature = "metrics");

/// The keys of labels. Their values are from closed sets, all but [`NAME`](label::NAME) and
/// [`SOURCE`](label::SOURCE), which the operator gives to layers and sources at construction.
pub mod label {
    /// The class of an outcome: [`Class::as_str`](crate::Class::as_str).
    pub const CLASS: &str = "class";
    /// The class of a failure, under OpenTelemetry's name. Not there on a success.
    pub const ERROR_TYPE: &str = "error.type";
    /// The state that was left.
    pub const FROM: &str = "from";
    /// The limit that was hit, spelled as its setter.
    pub const LIMIT: &str = "limit";
    /// What the operator calls the layer; `default` if nothing.
    pub const NAME: &str = "name";
    /// The provider, under OpenTelemetry's name and with its values.
    pub const PROVIDER: &str = "gen_ai.provider.name";
    /// Why.
    pub const REASON: &str = "reason";
    /// What the operator calls the source of an answer.
    pub const SOURCE: &str = "source";
    /// A circuit's state.
    pub const STATE: &str = "state";
    /// Which timer ran out.
    pub const TIMER: &str = "timer";
    /// The state that was entered.
    pub const TO: &str = "to";
    /// What amounts are counted in.
    pub const UNIT: &str = "unit";
}

/// A metric as its documentation has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name, with dots, as OpenTelemetry has it; exporters write it as their system wants it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The unit in UCUM, as OpenTelemetry has it: `s`, `{attempt}`.
    pub unit: &'static str,
    /// The keys of its labels. A series may be without one that has nothing to say.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub meaning: &'static str,
}

/// The kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A sum that only grows.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

impl Kind {
    /// The name in documentation, for example `counter`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Metric {
    /// A counter.
    #[must_use]
    pub const fn counter(
        name: &'static str,
        unit: &'static str,
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self::new(Kind::Counter, name, unit, labels, meaning)
    }

    /// A gauge.
    #[must_use]
    pub const fn gauge(
        name: &'static str,
        unit: &'static str,
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self::new(Kind::Gauge, name, unit, labels, meaning)
    }

    /// A histogram of times, in seconds.
    #[must_use]
    pub const fn seconds(
        name: &'static str,
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self::new(Kind::Histogram, name, "s", labels, meaning)
    }

    const fn new(
        kind: Kind,
        name: &'static str,
        unit: &'static str,
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            unit,
            labels,
            meaning,
        }
    }

    /// The series with these labels, to record to. Made anew, it allocates; whoever records on the way
    /// of every call keeps it.
    #[inline]
    #[must_use]
    pub fn series<const N: usize>(&self, labels: [(&'static str, Value); N]) -> Series {
        Series::new(self, labels)
    }
}
