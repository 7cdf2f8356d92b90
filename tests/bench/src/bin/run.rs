//! Runs a case a number of times, for callgrind to watch.

use std::process::ExitCode;

use bench::probe;

fn main() -> ExitCode {
    let Some(mut probe) = probe::from_arguments() else {
        eprintln!("usage: run INDEX base|case CALLS");
        return ExitCode::from(2);
    };
    let _guard = probe.runtime.enter();
    (probe.runner)(probe.calls.unwrap_or(1));
    ExitCode::SUCCESS
}
