//! `time INDEX DIRECTORY`: criterion on one of the calls by hand.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::measure::overhead::main(&bench::cases::calls())
}
