use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::Veto;

/// Whom to ask before a retry. A budget leaves one on each transient outcome, with the price of that
/// retry in it; the retry layer asks last, when nothing else stands in the way.
pub trait Gate: fmt::Debug + Send + Sync {
    /// Takes the price of one retry, or says why not. Never blocks.
    ///
    /// `now` is the time: who asks has just looked at the clock, and looking again costs as much as all
    /// the rest.
    ///
    /// # Errors
    ///
    /// The veto to write on the outcome: which limit refused.
    fn take(&self, now: Instant) -> Result<(), Veto>;

    /// Gives back what one [`take`](Gate::take) took, for a retry that was not sent.
    fn give_back(&self);
}

/// What a [`Gate`] granted. Gives itself back when it is dropped without being spent, so that a call
/// that is dropped asleep, or whose retry is rejected here, costs nothing.
#[derive(Debug)]
#[must_use = "a grant that is dropped gives itself back"]
pub struct Grant(Option<Arc<dyn Gate>>);

impl Grant {
    /// Asks the gate; `now` is the time.
    ///
    /// # Errors
    ///
    /// The gate's veto.
    pub fn ask(gate: Arc<dyn Gate>, now: Instant) -> Result<Self, Veto> {
        gate.take(now)?;
        Ok(Self(Some(gate)))
    }

    /// The retry was sent: nothing is given back.
    pub fn spend(mut self) {
        self.0 = None;
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.give_back();
        }
    }
}

/// Two gates as one: both grant, or nothing is taken.
#[derive(Debug)]
pub(crate) struct Both(pub(crate) Arc<dyn Gate>, pub(crate) Arc<dyn Gate>);

impl Gate for Both {
    fn take(&self, now: Instant) -> Result<(), Veto> {
        self.0.take(now)?;
        self.1.take(now).inspect_err(|_| self.0.give_back())
    }

    fn give_back(&self) {
        self.1.give_back();
        self.0.give_back();
    }
}
