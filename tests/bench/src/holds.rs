//! What our own layers may cost: the project's limits, which the table sets beside what it measures.

use crate::cases::{Case, OURS};

/// The limits of a row, each where there is one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hold {
    /// At most so many nanoseconds.
    pub ns: Option<f64>,
    /// At most so many allocations.
    pub allocations: Option<f64>,
    /// At most so many instructions.
    pub instructions: Option<f64>,
    /// At least so many times the calls of one thread.
    pub threads2: Option<f64>,
}

impl Hold {
    const fn new(ns: f64, allocations: f64) -> Self {
        Self {
            ns: Some(ns),
            allocations: Some(allocations),
            instructions: None,
            threads2: Some(1.7),
        }
    }

    const fn instructions(mut self, limit: f64) -> Self {
        self.instructions = Some(limit);
        self
    }
}

/// The limits of a case; a peer has none.
#[must_use]
pub fn of(case: &Case) -> Hold {
    HOLDS
        .iter()
        .find(|(row, _)| case.contender == OURS && *row == case.row)
        .map_or_else(Hold::default, |&(_, hold)| hold)
}

const HOLDS: &[(&str, Hold)] = &[
    (
        "retry + budget",
        Hold::new(150.0, 2.0).instructions(1_900.0),
    ),
    (
        "closed breaker, no window",
        Hold::new(45.0, 0.0).instructions(350.0),
    ),
    (
        "closed breaker, window and slow calls",
        Hold::new(80.0, 0.0),
    ),
    (
        "closed breaker, window and slow calls, after a wait",
        Hold::new(80.0, 0.0),
    ),
    ("classify, whole 2xx", Hold::new(10.0, 0.0)),
    ("pause, not paused", Hold::new(10.0, 0.0)),
    (
        "all five layers and pause",
        Hold::new(250.0, 2.0).instructions(2_600.0),
    ),
    ("the same with deadline and timers", Hold::new(500.0, 8.0)),
    ("the same with three extensions", Hold::new(450.0, 7.0)),
    ("budget deposit", Hold::new(10.0, 0.0)),
    ("budget withdraw", Hold::new(30.0, 0.0)),
    ("budget withdraw, reads the clock", Hold::new(30.0, 0.0)),
    ("classify a 310-byte error body", Hold::new(1_000.0, 2.0)),
    (
        "a call with one retry after no delay, wall",
        Hold {
            ns: Some(2_000.0),
            allocations: None,
            instructions: None,
            threads2: None,
        },
    ),
];
