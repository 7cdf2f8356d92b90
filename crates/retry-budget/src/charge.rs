//! What a repeat is charged that nobody has paid for.

use std::sync::Arc;

use tower_steady_core::{Attempt, Failure, Gate, Grant, Outcome};

use crate::{BudgetExhausted, events};

/// The price of an unpaid repeat. Given back if the repeat is dropped before it was polled, for then
/// nothing was sent, or if a layer further in rejects it.
#[derive(Debug, Default)]
pub(crate) struct Charge {
    grant: Option<Grant>,
    polled: bool,
}

impl Charge {
    /// Charges the try `attempt` if it is a repeat whose retry layer did not ask, as one does that
    /// does not know of gates, or whose notes were lost.
    #[expect(clippy::result_large_err, reason = "boxed where it becomes an error")]
    pub(crate) fn unless_paid<G: Gate + 'static>(
        attempt: Attempt,
        gate: impl FnOnce() -> G,
    ) -> Result<Self, Failure> {
        if attempt.number < 2 || attempt.paid {
            return Ok(Self::default());
        }
        match Grant::ask(Arc::new(gate())) {
            Ok(grant) => {
                events::charged(attempt);
                Ok(Self {
                    grant: Some(grant),
                    polled: false,
                })
            }
            Err(veto) => {
                events::rejected(attempt, &veto);
                let error = BudgetExhausted::new(attempt.number);
                Err(Failure::new(Outcome::rejected(veto), error))
            }
        }
    }

    /// From here on it may have been sent.
    pub(crate) fn polled(&mut self) {
        self.polled = true;
    }

    /// It was not sent after all.
    pub(crate) fn give_back(&mut self) {
        self.grant = None;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.polled
            && let Some(grant) = self.grant.take()
        {
            grant.spend();
        }
    }
}
