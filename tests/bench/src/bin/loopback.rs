//! `loopback INDEX DIRECTORY`: criterion on one of the loopback cases.
//!
//! Apart from `time`, so that what is built for a real client does not change how the calls by hand are
//! inlined.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::measure::overhead::main(&bench::cases::loopback())
}
