//! The experiments: what goes wrong, who calls, what is measured, and which bound it must hold.

mod agents;
mod brownout;
mod faulty;
mod hang;
mod neighbours;
mod outage;
mod storm;
mod streams;

use std::time::Duration;

use crate::contenders::Contender;

/// One experiment. Its simulation repeats exactly for the same contender, seed and size.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// The name on the command line and in the output.
    pub name: &'static str,
    /// What happens, in a sentence.
    pub story: &'static str,
    /// What is measured; [`Observation::values`] are in this order. The first is the one that counts.
    pub metrics: &'static [Metric],
    run: fn(&Contender, u64, Size) -> Observation,
}

/// Something that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Which way is better.
    pub better: Better,
    /// How its values are written.
    pub unit: Unit,
    /// What must hold for every seed.
    pub bound: Option<Bound>,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of something, or a ratio.
    Number,
    /// Seconds.
    Seconds,
    /// A share of one, written in per cent.
    Share,
}

/// A limit on a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// No more than this many times what the same experiment measures without retries, median
    /// against median and worst against worst. What takes less than a second counts as one.
    TimesNoRetries(f64),
}

/// How many calls are simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Enough to tell a broken layer from a sound one in a second.
    Small,
    /// The figures of the report.
    Full,
}

/// What one simulation came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// A value for each metric.
    pub values: Vec<f64>,
    /// Sends in each tenth of a second around the trouble, where a chart shows them.
    pub per_100_ms: Vec<u32>,
    /// Calls that end well in each second of the same time, where a chart shows them.
    pub goodput: Vec<u32>,
}

impl Experiment {
    /// Runs the simulation.
    #[must_use]
    pub fn run(&self, contender: &Contender, seed: u64, size: Size) -> Observation {
        (self.run)(contender, seed, size)
    }
}

impl Metric {
    const fn lower(name: &'static str) -> Self {
        Self {
            name,
            better: Better::Lower,
            unit: Unit::Number,
            bound: None,
        }
    }

    const fn seconds(name: &'static str) -> Self {
        let mut metric = Self::lower(name);
        metric.unit = Unit::Seconds;
        metric
    }

    const fn share(name: &'static str) -> Self {
        Self {
            name,
            better: Better::Higher,
            unit: Unit::Share,
            bound: None,
        }
    }

    const fn at_most(mut self, limit: f64) -> Self {
        self.bound = Some(Bound::AtMost(limit));
        self
    }

    const fn at_least(mut self, limit: f64) -> Self {
        self.bound = Some(Bound::AtLeast(limit));
        self
    }

    const fn times_no_retries(mut self, times: f64) -> Self {
        self.bound = Some(Bound::TimesNoRetries(times));
        self
    }
}

impl Observation {
    fn of(values: impl Into<Vec<f64>>) -> Self {
        Self {
            values: values.into(),
            per_100_ms: Vec::new(),
            goodput: Vec::new(),
        }
    }
}

/// All experiments, in the order of the report.
pub const ALL: [Experiment; 22] = [
    outage::THIRTY_SECONDS,
    outage::FIVE_MINUTES,
    brownout::AT_080,
    brownout::AT_088,
    brownout::AT_095,
    storm::FREE,
    storm::CHARGED,
    storm::SHORT_HINTS,
    storm::FLEET,
    storm::HERD_ONE_PROCESS,
    storm::HERD_MANY_PROCESSES,
    agents::CHANCE,
    agents::PIPELINE,
    agents::AVAILABILITY,
    faulty::MALFORMED,
    faulty::QUOTA,
    neighbours::TENANTS,
    neighbours::PARTIAL_OUTAGE,
    hang::HANG,
    streams::CUT_EARLY,
    streams::CUT_MIDWAY,
    streams::ALL_CUT,
];

/// The experiment of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Experiment> {
    ALL.iter().find(|experiment| experiment.name == name)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The read timeout of the HTTP client where an experiment has no reason for another.
const READ_TIMEOUT: Duration = secs(60);
