//! `allocations INDEX` prints how many allocations one call of a case makes over its baseline. A program
//! of its own, for the counting allocator has a price.

use std::env;
use std::process::ExitCode;

use bench::probe::{Probe, Side};

const CALLS: u32 = 1_000;
const WARM_UP: usize = 100;

fn main() -> ExitCode {
    let index = env::args().nth(1).and_then(|index| index.parse().ok());
    let sides = index.and_then(|index| Some((side(index, Side::Base)?, side(index, Side::Case)?)));
    let Some((base, case)) = sides else {
        eprintln!("usage: allocations INDEX");
        return ExitCode::from(2);
    };
    println!("{}", case - base);
    ExitCode::SUCCESS
}

/// Allocations a call.
fn side(index: usize, side: Side) -> Option<f64> {
    let mut probe = Probe::new(index, side)?;
    probe.run(WARM_UP);
    let info = allocation_counter::measure(|| probe.run(CALLS as usize));
    let total = u32::try_from(info.count_total).unwrap_or(u32::MAX);
    Some(f64::from(total) / f64::from(CALLS))
}
