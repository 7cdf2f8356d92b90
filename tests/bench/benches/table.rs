//! `cargo bench -p bench` prints the table; `-- --json` prints one object a line; `-- --only TEXT`
//! keeps the rows whose name contains the text; `-- --exact` measures no time, only what repeats, and
//! fails if that is over a limit or could not be counted.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use bench::cases::{self, Case, Kind};
use bench::holds;
use bench::measure::{allocations, instructions, overhead, threads};
use serde_json::json;

const TIME: &str = env!("CARGO_BIN_EXE_time");
const LOOPBACK: &str = env!("CARGO_BIN_EXE_loopback");
const ALLOCATIONS: &str = env!("CARGO_BIN_EXE_allocations");
const INSTRUCTIONS: &str = env!("CARGO_BIN_EXE_instructions");
/// Where criterion keeps its estimates, to compare the next run with.
const ESTIMATES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/criterion");

fn main() -> ExitCode {
    let (mut as_json, mut exact, mut only) = (false, false, None);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (&*argument, &only) {
            ("--json", _) => as_json = true,
            ("--exact", _) => exact = true,
            ("--only", None) => only = arguments.next(),
            // What cargo says.
            ("--bench", _) => {}
            _ => {
                eprintln!("usage: cargo bench -p bench -- [--json] [--exact] [--only TEXT]");
                return ExitCode::from(2);
            }
        }
    }
    let counts = instructions::tools();
    if let Err(missing) = counts {
        eprintln!("{missing} is not installed: instructions are not counted");
    }

    if !as_json {
        println!("| row | contender | ns | allocations | instructions | two threads / one |");
        println!("|---|---|--:|--:|--:|--:|");
    }
    let mut over = false;
    let mut cases: Vec<_> = cases::calls().into_iter().enumerate().collect();
    if !exact {
        cases.extend(cases::loopback().into_iter().enumerate());
    }
    cases.retain(|(_, case)| only.as_ref().is_none_or(|only| case.row.contains(only)));
    for (index, case) in cases {
        let line = Line::measure(index, &case, exact, counts.is_ok());
        over |= line.is_over(&case, counts.is_ok());
        if as_json {
            println!("{}", line.json(&case));
        } else {
            println!("{}", line.markdown(&case));
        }
    }
    if exact && over {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The figures of one case.
struct Line {
    ns: Option<f64>,
    allocations: Option<f64>,
    instructions: Option<f64>,
    threads2: Option<f64>,
}

impl Line {
    fn measure(index: usize, case: &Case, exact: bool, instructions: bool) -> Self {
        let repeats = case.kind == Kind::Call;
        let [allocations, count] = [ALLOCATIONS, INSTRUCTIONS].map(Path::new);
        let time = Path::new(match case.kind {
            Kind::Call => TIME,
            Kind::Loopback => LOOPBACK,
        });
        Self {
            ns: (!exact)
                .then(|| overhead::nanos_a_call(time, index, case, Path::new(ESTIMATES)))
                .flatten(),
            allocations: repeats
                .then(|| allocations::allocations(allocations, index))
                .flatten(),
            instructions: (repeats && instructions)
                .then(|| instructions::instructions(count, index))
                .flatten(),
            threads2: (!exact).then(|| threads::two_over_one(case)).flatten(),
        }
    }

    /// Whether what repeats is over its limit, or missing although it was counted.
    fn is_over(&self, case: &Case, instructions: bool) -> bool {
        let hold = holds::of(case);
        let over = |value: Option<f64>, limit: Option<f64>| match (value, limit) {
            (Some(value), Some(limit)) => value > limit,
            (value, _) => value.is_none(),
        };
        over(self.allocations, hold.allocations)
            || instructions && over(self.instructions, hold.instructions)
    }

    fn json(&self, case: &Case) -> serde_json::Value {
        json!({"row": case.row, "contender": case.contender, "ns": self.ns,
               "allocs": self.allocations, "instructions": self.instructions,
               "threads2": self.threads2})
    }

    fn markdown(&self, case: &Case) -> String {
        let hold = holds::of(case);
        let cells = [
            at_most(self.ns, hold.ns, 0),
            at_most(self.allocations, hold.allocations, 1),
            at_most(self.instructions, hold.instructions, 0),
            at_least(self.threads2, hold.threads2, 2),
        ];
        format!(
            "| {} | {} | {} |",
            case.row,
            case.contender,
            cells.join(" | ")
        )
    }
}

fn at_most(value: Option<f64>, limit: Option<f64>, digits: usize) -> String {
    cell(value, limit.filter(|limit| value > Some(*limit)), digits)
}

fn at_least(value: Option<f64>, limit: Option<f64>, digits: usize) -> String {
    cell(value, limit.filter(|limit| value < Some(*limit)), digits)
}

/// The value; in bold and with the limit if it is beyond one.
fn cell(value: Option<f64>, beyond: Option<f64>, digits: usize) -> String {
    match (value, beyond) {
        (None, _) => "–".to_owned(),
        (Some(value), None) => format!("{value:.digits$}"),
        (Some(value), Some(limit)) => format!("**{value:.digits$}** ({limit})"),
    }
}
