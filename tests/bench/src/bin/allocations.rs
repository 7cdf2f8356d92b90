//! Prints how many allocations one call of a case makes. A program of its own, for the counting
//! allocator has a price.

use std::process::ExitCode;

use bench::probe;

const CALLS: u32 = 1_000;

fn main() -> ExitCode {
    let Some(mut probe) = probe::from_arguments() else {
        eprintln!("usage: allocations INDEX base|case");
        return ExitCode::from(2);
    };
    let _guard = probe.runtime.enter();
    (probe.runner)(100);
    let info = allocation_counter::measure(|| (probe.runner)(CALLS as usize));
    let total = u32::try_from(info.count_total).unwrap_or(u32::MAX);
    println!("{}", f64::from(total) / f64::from(CALLS));
    ExitCode::SUCCESS
}
