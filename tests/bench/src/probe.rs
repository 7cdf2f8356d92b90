//! One case in a process of its own.

use tokio::runtime::Runtime;

use crate::cases;
use crate::drive::Runner;
use crate::measure::current_thread;

/// Which of the two that a figure is the difference of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What the contender is compared with.
    Base,
    /// The contender itself.
    Case,
}

/// A case that is ready to run.
pub struct Probe {
    runner: Runner,
    /// Layers may want one; it is not used to drive them.
    runtime: Runtime,
}

impl Probe {
    /// The case at `index` of [`cases::calls`]; `None` if there is none.
    #[must_use]
    pub fn new(index: usize, side: Side) -> Option<Self> {
        let case = cases::calls().get(index).copied()?;
        let runtime = current_thread();
        let factory = {
            let _guard = runtime.enter();
            match side {
                Side::Base => (case.base)(),
                Side::Case => (case.make)(),
            }
        };
        let runner = factory();
        Some(Self { runner, runtime })
    }

    /// Makes `calls` calls.
    pub fn run(&mut self, calls: usize) {
        let _guard = self.runtime.enter();
        (self.runner)(calls);
    }
}
