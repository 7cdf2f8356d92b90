use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;
use tower_steady_core::{Attempt, BoxError, Shared, readiness};

use crate::account::Account;
use crate::call::Call;
use crate::charge::Charge;
use crate::future::Paid;
use crate::gate::Priced;
use crate::nesting;
use crate::{BudgetHandle, ResponseFuture};

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
}

impl<S, B, RB> Service<Request<B>> for RetryBudget<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
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
        let charge =
            Charge::unless_paid(attempt, || Priced::new(self.account.lease(), attempt.after));
        let charge = match charge {
            Ok(charge) => charge,
            Err(failure) => {
                readiness::give_back(&mut self.inner);
                return ResponseFuture::new(Call::rejected(failure));
            }
        };
        let nesting = nesting::ratio();
        let response = self.inner.call(request);
        if nesting.end(&*self.account) {
            return ResponseFuture::new(Call::Passed { response });
        }
        ResponseFuture::new(Call::Called {
            response,
            charge,
            needs: Paid {
                account: self.account.lease(),
                attempt,
            },
        })
    }
}
