//! Time over the baseline, sampled and estimated by criterion.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkId, Criterion, SamplingMode};
use serde_json::Value;

use crate::cases::{Case, Kind};
use crate::drive::Runner;

const SAMPLES: u32 = 40;
const WARM_UP: Duration = Duration::from_millis(100);

/// The program that measures one of `cases`: `INDEX DIRECTORY` on its command line.
#[must_use]
pub fn main(cases: &[Case]) -> ExitCode {
    let mut arguments = env::args().skip(1);
    let index = arguments.next().and_then(|index| index.parse().ok());
    let case = index.and_then(|index: usize| cases.get(index));
    let (Some(case), Some(directory)) = (case, arguments.next()) else {
        eprintln!("usage: INDEX DIRECTORY");
        return ExitCode::from(2);
    };
    measure(case, Path::new(&directory));
    ExitCode::SUCCESS
}

/// Samples the case and leaves criterion's estimates below `directory`.
///
/// Each sample is a difference: baseline, case, baseline in turn, so that a machine whose speed drifts
/// does so for both.
fn measure(case: &Case, directory: &Path) {
    let runtime = super::current_thread();
    let _guard = runtime.enter();
    let mut base = (case.base)()();
    let mut layered = (case.make)()();
    let sample = match case.kind {
        Kind::Call => Duration::from_millis(12),
        // Long enough for filling and emptying 64 connections not to count.
        Kind::Loopback => Duration::from_millis(250),
    };
    let mut criterion = Criterion::default()
        .with_measurement(Nanos)
        .output_directory(directory)
        .without_plots()
        .sample_size(SAMPLES as usize)
        .measurement_time(sample * SAMPLES)
        .warm_up_time(WARM_UP);
    let mut group = criterion.benchmark_group(case.row);
    group.sampling_mode(SamplingMode::Flat).bench_function(
        BenchmarkId::from_parameter(case.contender),
        |bencher| {
            bencher.iter_custom(|calls| {
                let calls = usize::try_from(calls).unwrap_or(usize::MAX);
                let before = nanos(calls, &mut base);
                let with = nanos(calls, &mut layered);
                let after = nanos(calls, &mut base);
                with - f64::midpoint(before, after)
            });
        },
    );
    group.finish();
}

/// Nanoseconds a call over the baseline: runs [`main`] as `program`, and reads criterion's median.
#[must_use]
pub fn nanos_a_call(program: &Path, index: usize, case: &Case, directory: &Path) -> Option<f64> {
    let status = Command::new(program)
        .arg(index.to_string())
        .arg(directory)
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .ok()?;
    if !status.success() {
        return None;
    }
    let estimates = directory
        .join(file_name(case.row))
        .join(file_name(case.contender))
        .join("new/estimates.json");
    let estimates: Value = serde_json::from_slice(&fs::read(estimates).ok()?).ok()?;
    estimates.pointer("/median/point_estimate")?.as_f64()
}

/// As criterion names its directories, for as long as they are shorter than 64 bytes.
fn file_name(id: &str) -> String {
    id.replace(['?', '"', '/', '\\', '*', '<', '>', ':', '|', '^'], "_")
}

fn nanos(calls: usize, runner: &mut Runner) -> f64 {
    let start = Nanos.start();
    runner(calls);
    Nanos.end(start)
}

/// Wall time in nanoseconds that may be negative, as a difference can be.
struct Nanos;

impl Measurement for Nanos {
    type Intermediate = Instant;
    type Value = f64;

    fn start(&self) -> Instant {
        Instant::now()
    }

    fn end(&self, start: Instant) -> f64 {
        start.elapsed().as_secs_f64() * 1e9
    }

    fn add(&self, one: &f64, other: &f64) -> f64 {
        one + other
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
