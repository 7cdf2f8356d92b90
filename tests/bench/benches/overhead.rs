//! `cargo bench -p bench` prints the table; `-- --json` prints one object a line; `-- --only TEXT`
//! keeps the rows whose name contains the text; `-- --exact` measures no time, only what repeats.

use std::env;
use std::path::Path;

use bench::cases;
use bench::measure;
use serde_json::json;

/// One line of the table.
struct Line {
    row: String,
    contender: String,
    ns: Option<f64>,
    allocs: Option<f64>,
    instructions: Option<f64>,
    threads2: Option<f64>,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let as_json = arguments.iter().any(|argument| argument == "--json");
    let only = arguments
        .iter()
        .position(|argument| argument == "--only")
        .and_then(|at| arguments.get(at + 1));
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let valgrind = measure::valgrind_is_installed();
    if !valgrind {
        eprintln!("valgrind is not installed: instructions are not counted");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");

    if !as_json {
        println!("| row | contender | ns | allocations | instructions | two threads / one |");
        println!("|---|---|--:|--:|--:|--:|");
    }
    let wanted = |row: &str| only.is_none_or(|only| row.contains(only.as_str()));
    for (index, case) in cases::all().iter().enumerate() {
        if !wanted(case.row) {
            continue;
        }
        let (ns, threads2) = if exact {
            (None, None)
        } else {
            let _guard = runtime.enter();
            (
                Some(measure::overhead_ns(case)),
                measure::two_over_one(case),
            )
        };
        let line = Line {
            row: case.row.to_owned(),
            contender: case.contender.to_owned(),
            ns,
            allocs: measure::allocations(Path::new(env!("CARGO_BIN_EXE_allocations")), index),
            instructions: valgrind
                .then(|| measure::instructions(Path::new(env!("CARGO_BIN_EXE_run")), index))
                .flatten(),
            threads2,
        };
        print(as_json, &line);
    }
    if !exact && wanted(LOOPBACK) {
        for (contender, ns) in measure::nanos_a_request() {
            let line = Line {
                row: LOOPBACK.to_owned(),
                contender: contender.to_owned(),
                ns: Some(ns),
                allocs: None,
                instructions: None,
                threads2: None,
            };
            print(as_json, &line);
        }
    }
}

/// Whole requests over TCP, and so not a difference: one over the other is the loss of throughput.
const LOOPBACK: &str = "loopback, 64 in flight, a request";

fn print(as_json: bool, line: &Line) {
    let Line {
        row,
        contender,
        ns,
        allocs,
        instructions,
        threads2,
    } = line;
    if as_json {
        println!(
            "{}",
            json!({"row": row, "contender": contender, "ns": ns, "allocs": allocs,
                   "instructions": instructions, "threads2": threads2})
        );
    } else {
        let cell = |value: &Option<f64>, digits: usize| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
        };
        println!(
            "| {row} | {contender} | {} | {} | {} | {} |",
            cell(ns, 0),
            cell(allocs, 1),
            cell(instructions, 0),
            cell(threads2, 2)
        );
    }
}
