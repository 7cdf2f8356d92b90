use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;
use tower_steady_core::{Attempt, BoxError, Failure, Gate, Grant, Outcome, Shared, Veto};

use crate::account::Account;
use crate::gate::Priced;
use crate::{BudgetExhausted, BudgetHandle, ResponseFuture};

/// Pays in what successes bring, leaves a gate on what may be retried, and stops repeats that nobody
/// has paid for. Made by [`RetryBudgetLayer`](crate::RetryBudgetLayer); clones share the budget.
#[derive(Clone, Debug)]
pub struct RetryBudget<S> {
    inner: S,
    account: Shared<Account>,
}

impl<S> RetryBudget<S> {
    pub(crate) fn new(inner: S, account: Shared<Account>) -> Self {
        Self { inner, account }
    }

    /// Reads and feeds the budget from outside.
    #[must_use]
    pub fn handle(&self) -> BudgetHandle {
        BudgetHandle::new(self.account.state())
    }

    /// The service within.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Charges a repeat whose retry layer has not asked, as one does that lost the notes.
    fn charge(&self, attempt: Attempt) -> Result<Grant, Veto> {
        let gate: Arc<dyn Gate> = Arc::new(Priced::new(self.account.lease(), attempt.after));
        let grant = Grant::ask(gate)?;
        tracing::debug!(attempt = attempt.number, "unpaid repeat charged");
        Ok(grant)
    }
}

impl<S, B, RB> Service<Request<B>> for RetryBudget<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let attempt = Attempt::of(request.extensions());
        let charge = if attempt.number >= 2 && !attempt.paid {
            match self.charge(attempt) {
                Ok(grant) => Some(grant),
                Err(veto) => {
                    let error = BudgetExhausted::new(attempt.number);
                    let failure = Failure::new(Outcome::rejected(veto), error);
                    return ResponseFuture::rejected(failure);
                }
            }
        } else {
            None
        };
        let response = self.inner.call(request);
        ResponseFuture::new(response, self.account.lease(), attempt, charge)
    }
}
