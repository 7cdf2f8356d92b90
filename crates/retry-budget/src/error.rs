use std::error::Error;
use std::fmt;

/// The request is a repeat that nobody has paid for, and the budget cannot afford it: it was not sent.
///
/// The source of the [`Failure`](tower_steady_core::Failure) that a budget layer answers with; the
/// figures stand in the veto beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetExhausted {
    attempt: u32,
}

impl BudgetExhausted {
    pub(crate) const fn new(attempt: u32) -> Self {
        Self { attempt }
    }

    /// Which try was refused, counted from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }
}

impl fmt::Display for BudgetExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "retry budget exhausted, attempt {} not sent",
            self.attempt
        )
    }
}

impl Error for BudgetExhausted {}
