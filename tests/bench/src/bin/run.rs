//! Runs a case a number of times, for callgrind to watch.

use std::process::ExitCode;

use bench::probe;

/// Not counted: first touches of code and memory.
const WARM_UP: usize = 500;

fn main() -> ExitCode {
    let Some(mut probe) = probe::from_arguments() else {
        eprintln!("usage: run INDEX base|case CALLS");
        return ExitCode::from(2);
    };
    let _guard = probe.runtime.enter();
    (probe.runner)(WARM_UP);
    probe::counted(&mut probe.runner, probe.calls.unwrap_or(1));
    ExitCode::SUCCESS
}
