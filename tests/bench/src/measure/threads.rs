//! How the cost holds with two threads.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::current_thread;
use crate::cases::{Case, Kind};
use crate::drive::Factory;

const REPEATS: usize = 5;
const CALLS: usize = 200_000;
/// What is slow, because it waits for a timer, gets fewer calls.
const LONGEST: Duration = Duration::from_millis(100);

/// Calls a second of two threads that share the layer over those of one thread: 2 is perfect. Each
/// thread has a current-thread runtime of its own; the median of five.
#[must_use]
pub fn two_over_one(case: &Case) -> Option<f64> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if case.kind != Kind::Call || cores < 2 {
        return None;
    }
    let factory = (case.make)();
    let calls = calls_in(LONGEST, &factory);
    let mut ratios: [f64; REPEATS] = std::array::from_fn(|_| {
        let one = time(&factory, 1, calls).as_secs_f64();
        let two = time(&factory, 2, calls).as_secs_f64();
        2.0 * one / two
    });
    ratios.sort_by(f64::total_cmp);
    ratios.get(REPEATS / 2).copied()
}

/// How many calls fit into `time`, up to [`CALLS`].
fn calls_in(time: Duration, factory: &Factory) -> usize {
    const SAMPLE: u32 = 50;
    let mut runner = factory();
    let start = Instant::now();
    runner(SAMPLE as usize);
    let one = (start.elapsed() / SAMPLE).max(Duration::from_nanos(1));
    usize::try_from(time.as_nanos() / one.as_nanos()).map_or(CALLS, |calls| calls.clamp(50, CALLS))
}

/// How long `threads` threads take for `calls` each.
fn time(factory: &Factory, threads: usize, calls: usize) -> Duration {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = current_thread();
                    let _guard = runtime.enter();
                    let mut runner = factory();
                    runner(calls / 20);
                    barrier.wait();
                    let start = Instant::now();
                    runner(calls);
                    start.elapsed()
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"))
            .max()
            .unwrap_or_default()
    })
}
