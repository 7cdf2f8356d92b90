//! What a repeat is charged that nobody has paid for.

use std::sync::Arc;

use tokio::time::Instant;
use tower_steady_core::{Attempt, Failure, Gate, Grant, Outcome};

use crate::{BudgetExhausted, events};

/// The price of an unpaid repeat. Given back if the repeat is dropped before it was polled, for then
/// nothing was sent, or if a layer further in rejects it.
///
/// Boxed: unpaid repeats are rare, and every call's future has room for one.
#[derive(Debug)]
pub(crate) struct Charge(Option<Box<Unpaid>>);

#[derive(Debug)]
struct Unpaid {
    grant: Option<Grant>,
    polled: bool,
}

impl Charge {
    /// Charges the try `attempt` if it is a repeat whose retry layer did not ask, as one does that
    /// does not know of gates, or whose notes were lost.
    #[inline]
    pub(crate) fn unless_paid<G: Gate + 'static>(
        attempt: Attempt,
        gate: impl FnOnce() -> G,
    ) -> Result<Self, Box<Failure>> {
        if attempt.number < 2 || attempt.paid {
            return Ok(Self(None));
        }
        Self::ask(attempt, Arc::new(gate()))
    }

    #[cold]
    fn ask(attempt: Attempt, gate: Arc<dyn Gate>) -> Result<Self, Box<Failure>> {
        match Grant::ask(gate, Instant::now().into_std()) {
            Ok(grant) => {
                events::charged(attempt);
                Ok(Self(Some(Box::new(Unpaid {
                    grant: Some(grant),
                    polled: false,
                }))))
            }
            Err(veto) => {
                events::rejected(attempt, &veto);
                let error = BudgetExhausted::new(attempt.number);
                Err(Box::new(Failure::new(Outcome::rejected(veto), error)))
            }
        }
    }

    /// From here on it may have been sent.
    #[inline]
    pub(crate) fn polled(&mut self) {
        if let Some(unpaid) = &mut self.0 {
            unpaid.polled = true;
        }
    }

    /// It was not sent after all.
    pub(crate) fn give_back(&mut self) {
        if let Some(unpaid) = &mut self.0 {
            unpaid.grant = None;
        }
    }
}

impl Drop for Unpaid {
    fn drop(&mut self) {
        if self.polled
            && let Some(grant) = self.grant.take()
        {
            grant.spend();
        }
    }
}
