//! Runs every cell of the table, on several threads, and reads a verdict from each row.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::contenders::Contender;
use crate::experiments::{Better, Bound, Experiment, Metric, Observation, Size};

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The experiments.
    pub experiments: Vec<Experiment>,
    /// The contenders, each in every experiment.
    pub contenders: Vec<Contender>,
    /// The seeds, each in every cell.
    pub seeds: Vec<u64>,
    /// How many calls are simulated.
    pub size: Size,
}

/// One experiment with one contender.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The experiment.
    pub experiment: Experiment,
    /// The contender.
    pub contender: Contender,
    /// What each seed came to.
    pub observations: Vec<Observation>,
}

/// One metric of one cell.
#[derive(Clone, Debug)]
pub struct Row {
    /// The experiment.
    pub experiment: Experiment,
    /// The contender.
    pub contender: Contender,
    /// The metric.
    pub metric: Metric,
    /// The median over the seeds. Infinite: it never happened.
    pub median: f64,
    /// The worst seed.
    pub worst: f64,
    /// The limit that the worst seed must keep, where there is one.
    pub limit: Option<f64>,
    /// Whether the bound holds.
    pub holds: Option<bool>,
}

impl Plan {
    /// Runs all cells; `tick` is called after each simulation, from any thread.
    ///
    /// # Panics
    ///
    /// If a simulation panics.
    #[must_use]
    pub fn run(&self, tick: impl Fn() + Sync) -> Vec<Cell> {
        let jobs: Vec<_> = self
            .cells()
            .flat_map(|cell| self.seeds.iter().map(move |seed| (cell, *seed)))
            .collect();
        let results: Vec<_> = jobs.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(((experiment, contender), seed)) = jobs.get(index) else {
                            break;
                        };
                        let observation = experiment.run(contender, *seed, self.size);
                        *results[index].lock().expect("written once") = Some(observation);
                        tick();
                    }
                });
            }
        });
        let mut observations = results.into_iter().map(|result| {
            let result = result.into_inner().expect("written once");
            result.expect("every job was run")
        });
        let cells = self.cells().map(|(experiment, contender)| Cell {
            experiment,
            contender,
            observations: observations.by_ref().take(self.seeds.len()).collect(),
        });
        cells.collect()
    }

    /// How many simulations there are.
    #[must_use]
    pub fn simulations(&self) -> usize {
        self.cells().count() * self.seeds.len()
    }

    fn cells(&self) -> impl Iterator<Item = (Experiment, Contender)> {
        self.experiments.iter().flat_map(|experiment| {
            self.contenders
                .iter()
                .map(move |contender| (*experiment, *contender))
        })
    }
}

/// The rows of the table, experiment by experiment, metric by metric.
#[must_use]
pub fn rows(cells: &[Cell]) -> Vec<Row> {
    let mut rows = Vec::new();
    for group in cells.chunk_by(|a, b| a.experiment.name == b.experiment.name) {
        for (index, metric) in group[0].experiment.metrics.iter().enumerate() {
            let plain = group
                .iter()
                .find(|cell| cell.contender.name == "no retries");
            let plain = plain.map(|cell| cell.summary(index, *metric));
            rows.extend(group.iter().map(|cell| cell.row(index, *metric, plain)));
        }
    }
    rows
}

impl Row {
    /// Whether both are of one metric of one experiment.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        self.experiment.name == other.experiment.name && self.metric.name == other.metric.name
    }

    /// Whether a summary shows it: it has a bound, or it is what counts in its experiment.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.metric.bound.is_some() || self.metric.name == self.experiment.metrics[0].name
    }
}

impl Cell {
    /// Median and worst of a metric over the seeds.
    fn summary(&self, index: usize, metric: Metric) -> (f64, f64) {
        let mut values: Vec<_> = self
            .observations
            .iter()
            .map(|observation| observation.values[index])
            .collect();
        values.sort_by(f64::total_cmp);
        let worst = match metric.better {
            Better::Lower => values.last(),
            Better::Higher => values.first(),
        };
        (median(&values), worst.copied().unwrap_or(f64::NAN))
    }

    fn row(&self, index: usize, metric: Metric, plain: Option<(f64, f64)>) -> Row {
        let (median, worst) = self.summary(index, metric);
        let (limit, holds) = match metric.bound {
            None => (None, None),
            Some(Bound::AtMost(limit)) => (Some(limit), Some(worst <= limit)),
            Some(Bound::AtLeast(limit)) => (Some(limit), Some(worst >= limit)),
            Some(Bound::TimesNoRetries(times)) => match plain {
                None => (None, None),
                Some((plain_median, plain_worst)) => {
                    let limit = times * plain_worst.max(1.0);
                    let holds = worst <= limit && median <= times * plain_median.max(1.0);
                    // Never is worse than any limit, even if it never happens without retries.
                    (Some(limit), Some(holds && worst.is_finite()))
                }
            },
        };
        Row {
            experiment: self.experiment,
            contender: self.contender,
            metric,
            median,
            worst,
            limit,
            holds,
        }
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted {
        [] => f64::NAN,
        _ if sorted.len() % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}
