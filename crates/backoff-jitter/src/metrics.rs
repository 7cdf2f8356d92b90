//! What this crate counts, beside its events.

use std::time::Duration;

use tower_steady_core::metrics::label::{CLASS, ERROR_TYPE, NAME, REASON};
use tower_steady_core::metrics::{Metric, Name, Series};
use tower_steady_core::{Class, VetoReason};

const DURATION: Metric = Metric::seconds(
    "gen_ai.client.operation.duration",
    &[NAME, ERROR_TYPE],
    "Calls with all their tries and waits, until the answer's head is there.",
);

const ATTEMPTS: Metric = Metric::counter(
    "tower_steady.retry.attempts",
    "{attempt}",
    &[NAME, CLASS],
    "Tries that were sent, by what they came to.",
);

const RETRIES: Metric = Metric::counter(
    "tower_steady.retry.retries",
    "{attempt}",
    &[NAME, CLASS],
    "Retries, by what the try before came to; counted before their wait.",
);

const WAIT: Metric = Metric::seconds(
    "tower_steady.retry.wait",
    &[NAME, CLASS],
    "Waits before retries, by what the try before came to.",
);

const GIVE_UPS: Metric = Metric::counter(
    "tower_steady.retry.give_ups",
    "{call}",
    &[NAME, CLASS, REASON],
    "Calls that end on a transient failure, by the veto that ended them.",
);

/// Every metric of this crate.
#[cfg(feature = "metrics")]
pub const METRICS: &[Metric] = &[DURATION, ATTEMPTS, RETRIES, WAIT, GIVE_UPS];

/// Tells the recorder that is installed what the [`METRICS`] of this crate mean.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    METRICS.iter().for_each(Metric::describe);
}

/// What one layer counts by. The series of calls that succeed at once are made once.
pub(crate) struct Meters {
    name: Name,
    success: Series,
    succeeded_after: Series,
}

impl Meters {
    pub(crate) fn new(name: Name) -> Self {
        Self {
            success: attempts(&name, Class::Success),
            succeeded_after: DURATION.series([(NAME, (&name).into())]),
            name,
        }
    }

    /// A try that was sent has ended.
    #[inline]
    pub(crate) fn tried(&self, class: Class) {
        match class {
            Class::Success => self.success.increment(1),
            _ => attempts(&self.name, class).increment(1),
        }
    }

    pub(crate) fn retrying(&self, class: Class, wait: Duration) {
        let labels = || [(NAME, (&self.name).into()), (CLASS, class.as_str().into())];
        RETRIES.series(labels()).increment(1);
        WAIT.series(labels()).record(wait);
    }

    pub(crate) fn gave_up(&self, class: Class, reason: VetoReason) {
        let (class, reason) = (class.as_str().into(), reason.as_str().into());
        let labels = [
            (NAME, (&self.name).into()),
            (CLASS, class),
            (REASON, reason),
        ];
        GIVE_UPS.series(labels).increment(1);
    }

    /// A call has ended.
    #[inline]
    pub(crate) fn called(&self, class: Class, took: Duration) {
        match class {
            Class::Success => self.succeeded_after.record(took),
            _ => {
                let error = class.as_str().into();
                let labels = [(NAME, (&self.name).into()), (ERROR_TYPE, error)];
                DURATION.series(labels).record(took);
            }
        }
    }
}

fn attempts(name: &Name, class: Class) -> Series {
    ATTEMPTS.series([(NAME, name.into()), (CLASS, class.as_str().into())])
}
