use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::{Class, Outcome};

/// How a streamed answer ends: a small cell that the head of a 200 carries in its extensions and that
/// is written while the body is read.
///
/// Whoever understands the stream writes it (classify, gRPC trailers); bodies of outer layers
/// (breaker, timeouts) read it when the stream ends or is dropped. Clones share the cell.
#[derive(Clone, Debug, Default)]
pub struct StreamOutcome(Arc<Cell>);

#[derive(Debug, Default)]
struct Cell {
    output: AtomicBool,
    verdict: OnceLock<Outcome>,
}

impl StreamOutcome {
    /// A stream of which nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that output has begun: from here on the stream is committed and nothing is retried.
    pub fn begin_output(&self) {
        // Relaxed: a flag of its own, nothing is published with it.
        self.0.output.store(true, Ordering::Relaxed);
    }

    /// Whether output has begun.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.0.output.load(Ordering::Relaxed)
    }

    /// Writes what the stream came to; the first verdict stays. True if this was the first.
    pub fn finish(&self, outcome: Outcome) -> bool {
        self.0.verdict.set(outcome).is_ok()
    }

    /// The terminal event has passed: a success, even if the rest is never read.
    pub fn complete(&self) -> bool {
        self.finish(Outcome::new(Class::Success))
    }

    /// What the stream came to, once that is known.
    #[must_use]
    pub fn verdict(&self) -> Option<&Outcome> {
        self.0.verdict.get()
    }
}
