//! Runs one case in a process of its own: to count its allocations, or for callgrind to watch.
//!
//! `probe allocs INDEX base|case` prints allocations per call; `probe run INDEX base|case CALLS`
//! only runs.

use std::env;
use std::process::ExitCode;

use bench::cases;

const CALLS: u32 = 1_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (what, index, side, calls) = match arguments[..] {
        ["allocs", index, side] => ("allocs", index, side, None),
        ["run", index, side, calls] => ("run", index, side, calls.parse().ok()),
        _ => return usage(),
    };
    let Some(case) = index.parse().ok().and_then(|index: usize| {
        let cases = cases::all();
        cases.get(index).copied()
    }) else {
        return usage();
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let _guard = runtime.enter();
    let factory = match side {
        "base" => (case.base)(),
        "case" => (case.make)(),
        _ => return usage(),
    };
    let mut runner = factory();
    match (what, calls) {
        ("run", Some(calls)) => runner(calls),
        ("allocs", None) => {
            runner(100);
            let info = allocation_counter::measure(|| runner(CALLS as usize));
            let total = u32::try_from(info.count_total).unwrap_or(u32::MAX);
            println!("{}", f64::from(total) / f64::from(CALLS));
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: probe allocs INDEX base|case | probe run INDEX base|case CALLS");
    ExitCode::from(2)
}
