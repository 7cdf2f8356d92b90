//! What this crate counts, beside its events.

use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tower_steady_core::metrics::label::{LIMIT, NAME, UNIT};
use tower_steady_core::metrics::{self, Metric, Name, Series};

use crate::account::lock;
use crate::spend::Unit;

const BALANCE: Metric = Metric::gauge(
    "tower_steady.retry_budget.balance",
    "{token}",
    &[NAME],
    "Tokens there are; none of a foreign budget.",
);

const WITHDRAWALS: Metric = Metric::counter(
    "tower_steady.retry_budget.withdrawals",
    "{attempt}",
    &[NAME],
    "Retries that were granted.",
);

const REFUNDS: Metric = Metric::counter(
    "tower_steady.retry_budget.refunds",
    "{attempt}",
    &[NAME],
    "Grants that were given back because the retry was not sent.",
);

const DENIALS: Metric = Metric::counter(
    "tower_steady.retry_budget.denials",
    "{attempt}",
    &[NAME],
    "Retries that were refused.",
);

const CHARGED: Metric = Metric::counter(
    "tower_steady.spend.charged",
    "{unit}",
    &[NAME, UNIT],
    "What granted retries cost, in `tokens` or `micro_dollars`.",
);

const REFUNDED: Metric = Metric::counter(
    "tower_steady.spend.refunded",
    "{unit}",
    &[NAME, UNIT],
    "What of it was given back because the retry was not sent.",
);

const SPEND_DENIALS: Metric = Metric::counter(
    "tower_steady.spend.denials",
    "{attempt}",
    &[NAME, LIMIT],
    "Retries that were refused, by the limit that was hit.",
);

/// Every metric of this crate.
#[cfg(feature = "metrics")]
pub const METRICS: &[Metric] = &[
    BALANCE,
    WITHDRAWALS,
    REFUNDS,
    DENIALS,
    CHARGED,
    REFUNDED,
    SPEND_DENIALS,
];

/// Tells the recorder that is installed what the [`METRICS`] of this crate mean.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    METRICS.iter().for_each(Metric::describe);
}

/// What one budget counts by, made once.
pub(crate) struct Meters {
    balance: Series,
    withdrawals: Series,
    refunds: Series,
    denials: Series,
    /// The balance that was told last can grow no further, so that successes need not look.
    full: AtomicBool,
    /// Held from reading the balance to telling it, so that an older one is never told last.
    telling: Mutex<()>,
}

/// How full a budget is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) tokens: f64,
    pub(crate) full: bool,
}

impl Meters {
    pub(crate) fn new(name: impl Into<Cow<'static, str>>) -> Self {
        let name = Name::new(name);
        let of = |metric: &Metric| metric.series([(NAME, (&name).into())]);
        Self {
            balance: of(&BALANCE),
            withdrawals: of(&WITHDRAWALS),
            refunds: of(&REFUNDS),
            denials: of(&DENIALS),
            full: AtomicBool::new(false),
            telling: Mutex::new(()),
        }
    }

    /// A success has paid in. `level` reads the balance, here and below.
    #[inline]
    pub(crate) fn paid_in(&self, level: impl FnOnce() -> Option<Level>) {
        // Relaxed, and without waiting for the lock: what one success misses the next one tells.
        if metrics::ENABLED
            && !self.full.load(Ordering::Relaxed)
            && let Ok(_telling) = self.telling.try_lock()
        {
            self.tell(level());
        }
    }

    pub(crate) fn granted(&self, level: impl FnOnce() -> Option<Level>) {
        self.withdrawals.increment(1);
        self.moved(level);
    }

    pub(crate) fn returned(&self, level: impl FnOnce() -> Option<Level>) {
        self.refunds.increment(1);
        self.moved(level);
    }

    pub(crate) fn denied(&self, level: impl FnOnce() -> Option<Level>) {
        self.denials.increment(1);
        self.moved(level);
    }

    /// Something else has changed the balance.
    pub(crate) fn moved(&self, level: impl FnOnce() -> Option<Level>) {
        if metrics::ENABLED {
            let _telling = lock(&self.telling);
            self.tell(level());
        }
    }

    fn tell(&self, level: Option<Level>) {
        if let Some(level) = level {
            self.balance.set(level.tokens);
            self.full.store(level.full, Ordering::Relaxed);
        }
    }
}

pub(crate) fn charged(name: &Name, unit: Unit, cost: u64) {
    let labels = [(NAME, name.into()), (UNIT, unit.as_str().into())];
    CHARGED.series(labels).increment(cost);
}

pub(crate) fn refunded(name: &Name, unit: Unit, cost: u64) {
    let labels = [(NAME, name.into()), (UNIT, unit.as_str().into())];
    REFUNDED.series(labels).increment(cost);
}

/// `limit`: the limit that was hit, spelled as its setter.
pub(crate) fn spend_denied(name: &Name, limit: &'static str) {
    let labels = [(NAME, name.into()), (LIMIT, limit.into())];
    SPEND_DENIALS.series(labels).increment(1);
}
