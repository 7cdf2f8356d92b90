use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use tower_steady_core::{Attempt, BoxError, Class, Lease, Outcome};

use crate::account::Account;
use crate::call::{Call, Settle, may_retry};
use crate::charge::Charge;
use crate::gate::Priced;

pin_project! {
    /// The response of a [`RetryBudget`](crate::RetryBudget).
    pub struct ResponseFuture<F> {
        #[pin]
        call: Call<F, Paid>,
    }
}

/// A try of a call, and the account that it pays into.
pub(crate) struct Paid {
    pub(crate) account: Lease<Account>,
    pub(crate) attempt: Attempt,
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn new(call: Call<F, Paid>) -> Self {
        Self { call }
    }
}

impl<F, RB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<RB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().call.poll(cx)
    }
}

impl Settle for Paid {
    #[inline]
    fn settle<RB, E: Into<BoxError>>(
        &mut self,
        charge: &mut Charge,
        result: Poll<Result<Response<RB>, E>>,
    ) -> Poll<Result<Response<RB>, BoxError>> {
        // Looked at where it is: a response is large to move.
        match &result {
            Poll::Ready(Ok(response)) if is_success(response) => {
                self.account.success(self.attempt);
                result.map_err(Into::into)
            }
            _ => result.map(|result| failed(&self.account, charge, result)),
        }
    }
}

/// Counts a failure, and leaves the gate where somebody may want to pass it.
#[cold]
fn failed<RB, E: Into<BoxError>>(
    account: &Lease<Account>,
    charge: &mut Charge,
    result: Result<Response<RB>, E>,
) -> Result<Response<RB>, BoxError> {
    let mut result = result.map_err(Into::into);
    let class = Outcome::class_of(&result);
    if class == Class::Rejected {
        charge.give_back();
        return result;
    }
    let transient = Outcome::note(&result).is_some_and(|outcome| outcome.transient);
    if transient || class.is_transient() {
        account.failure();
    }
    let free = account.rule().free_when_asked && class == Class::RateLimited && names_wait(&result);
    if may_retry(&result) && !free {
        let gate = Arc::new(Priced::new(account.clone(), Some(class)));
        Outcome::amend(&mut result, |outcome| outcome.add_gate(gate));
    }
    result
}

#[inline]
fn is_success<RB>(response: &Response<RB>) -> bool {
    Outcome::class_of_response(response) == Class::Success
}

/// Whether the server has said when it wants us back.
fn names_wait<RB>(result: &Result<Response<RB>, BoxError>) -> bool {
    let wait = Outcome::note(result).and_then(|outcome| outcome.wait);
    wait.is_some_and(|wait| !wait.is_zero())
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("state", &self.call)
            .finish_non_exhaustive()
    }
}
