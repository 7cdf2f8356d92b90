//! Counts the instructions of each case with callgrind, through gungraun. `cargo bench -p bench` runs it
//! and reads its summaries; it needs valgrind and a `gungraun-runner` of gungraun's version.

#![allow(missing_docs, reason = "what gungraun's macros make has no docs")]

use bench::cases;
use bench::measure::instructions::CALLS;
use bench::probe::{Probe, Side};
use gungraun::{
    Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};

/// Not counted: first touches of code and memory.
const WARM_UP: usize = 500;

fn base(index: usize) -> Probe {
    warm(index, Side::Base)
}

fn case(index: usize) -> Probe {
    warm(index, Side::Case)
}

fn warm(index: usize, side: Side) -> Probe {
    let mut probe = Probe::new(index, side).expect("a case of the list");
    probe.run(WARM_UP);
    probe
}

// The probe is handed back, so that its end is not counted.
#[library_benchmark]
#[benches::base(iter = 0..cases::calls().len(), setup = base)]
#[benches::case(iter = 0..cases::calls().len(), setup = case)]
fn calls(mut probe: Probe) -> Probe {
    probe.run(CALLS as usize);
    probe
}

library_benchmark_group!(name = overhead; benchmarks = calls);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"]));
    library_benchmark_groups = overhead
);
