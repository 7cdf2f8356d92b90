//! Nothing is recorded, and nothing of it is left after compilation.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Metric;

/// What the operator calls a layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Name(());

/// A label's value.
#[derive(Clone, Copy, Debug)]
pub struct Value(());

/// One series of a [`Metric`].
#[derive(Clone, Copy, Debug)]
pub struct Series(());

/// When something began, where somebody wants to know how long it took.
#[derive(Clone, Copy, Debug)]
pub struct Since(());

impl Name {
    /// A name.
    #[must_use]
    pub fn new(_: impl Into<Cow<'static, str>>) -> Self {
        Self(())
    }
}

impl Value {
    /// A name that the operator gave to something else than a layer, at its construction.
    #[inline]
    #[must_use]
    pub fn named(_: &Arc<str>) -> Self {
        Self(())
    }
}

impl From<&'static str> for Value {
    #[inline]
    fn from(_: &'static str) -> Self {
        Self(())
    }
}

impl From<&Name> for Value {
    #[inline]
    fn from(_: &Name) -> Self {
        Self(())
    }
}

impl Series {
    #[inline]
    pub(super) fn new<const N: usize>(_: &Metric, _: [(&'static str, Value); N]) -> Self {
        Self(())
    }

    /// Adds to a counter.
    #[inline]
    pub fn increment(&self, _: u64) {}

    /// Sets a gauge.
    #[inline]
    pub fn set(&self, _: f64) {}

    /// Moves a gauge that several keep together: all its changes add up, whoever makes them.
    #[inline]
    pub fn shift(&self, _: i64) {}

    /// Records a time in a histogram.
    #[inline]
    pub fn record(&self, _: Duration) {}
}

impl Since {
    /// From now on, by the clock that is handed in.
    #[inline]
    pub fn now(_: impl FnOnce() -> Instant) -> Self {
        Self(())
    }

    /// How long ago that is, by the clock that is handed in.
    #[inline]
    #[must_use]
    pub fn elapsed(self, _: impl FnOnce() -> Instant) -> Duration {
        Duration::ZERO
    }
}
