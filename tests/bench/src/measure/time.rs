use std::time::{Duration, Instant};

use super::median;
use crate::cases::Case;
use crate::drive::Runner;

const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(4);

/// Nanoseconds a call over the baseline: baseline, case, baseline in turn, so that a machine whose
/// speed drifts does so for both; the median of the paired differences.
#[must_use]
pub fn overhead_ns(case: &Case) -> f64 {
    let mut base = (case.base)()();
    let mut layered = (case.make)()();
    let calls = calls_in(ROUND, &mut layered);
    let differences = (0..ROUNDS).map(|_| {
        let before = nanos(calls, &mut base);
        let with = nanos(calls, &mut layered);
        let after = nanos(calls, &mut base);
        with - f64::midpoint(before, after)
    });
    median(differences.collect())
}

/// How many calls fill `time`, after warming up.
fn calls_in(time: Duration, runner: &mut Runner) -> usize {
    let mut calls = 64;
    loop {
        let start = Instant::now();
        runner(calls);
        if start.elapsed() >= time || calls >= 1 << 24 {
            return calls;
        }
        calls *= 2;
    }
}

fn nanos(calls: usize, runner: &mut Runner) -> f64 {
    let start = Instant::now();
    runner(calls);
    start.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(calls).unwrap_or(u32::MAX))
}
