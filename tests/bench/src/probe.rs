//! One case in a process of its own: `INDEX base|case [CALLS]` on the command line.

use std::env;

use tokio::runtime::{Builder, Runtime};

use crate::cases;
use crate::drive::Runner;

/// What the command line asks for.
pub struct Probe {
    /// The contender, or what it is compared with.
    pub runner: Runner,
    /// How many calls, where the command line says so.
    pub calls: Option<usize>,
    /// Layers may want one; it is not used to drive them.
    pub runtime: Runtime,
}

/// Reads the command line; `None` if it does not say which case.
#[must_use]
pub fn from_arguments() -> Option<Probe> {
    let mut arguments = env::args().skip(1);
    let index: usize = arguments.next()?.parse().ok()?;
    let side = arguments.next()?;
    let case = cases::all().get(index).copied()?;
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let factory = {
        let _guard = runtime.enter();
        match side.as_str() {
            "base" => (case.base)(),
            "case" => (case.make)(),
            _ => return None,
        }
    };
    Some(Probe {
        runner: factory(),
        calls: arguments.next().and_then(|calls| calls.parse().ok()),
        runtime,
    })
}

/// What callgrind counts: the name tells it where to begin and to end.
#[inline(never)]
pub fn counted(runner: &mut Runner, calls: usize) {
    runner(calls);
}
