use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use tower_steady_core::{Attempt, BoxError, Class, Failure, Lease, Outcome};

use crate::account::Account;
use crate::charge::Charge;
use crate::gate::Priced;

pin_project! {
    /// The response of a [`RetryBudget`](crate::RetryBudget).
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F> {
        Called {
            #[pin]
            response: F,
            account: Lease<Account>,
            attempt: Attempt,
            charge: Charge,
        },
        Passed {
            #[pin]
            response: F,
        },
        Rejected { failure: Option<Box<Failure>> },
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(
        response: F,
        account: Lease<Account>,
        attempt: Attempt,
        charge: Charge,
    ) -> Self {
        Self {
            state: State::Called {
                response,
                account,
                attempt,
                charge,
            },
        }
    }

    /// For a budget that stands further in, too, and does its work there.
    #[cold]
    pub(crate) fn passed(response: F) -> Self {
        Self {
            state: State::Passed { response },
        }
    }

    pub(crate) fn rejected(failure: Box<Failure>) -> Self {
        Self {
            state: State::Rejected {
                failure: Some(failure),
            },
        }
    }
}

impl<F, RB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<RB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Called {
                response,
                account,
                attempt,
                charge,
            } => {
                charge.polled();
                let polled = response.poll(cx);
                // Looked at where it is: a response is large to move.
                match &polled {
                    Poll::Ready(Ok(response)) if is_success(response) => {
                        account.success(*attempt);
                        polled.map_err(Into::into)
                    }
                    _ => polled.map(|result| failed(account, charge, result)),
                }
            }
            Projected::Passed { response } => response.poll(cx).map_err(Into::into),
            Projected::Rejected { failure } => Poll::Ready(Err(failure
                .take()
                .expect("`ResponseFuture` polled after it was ready"))),
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

/// Whether somebody may want to pass a gate.
pub(crate) fn may_retry<RB>(result: &Result<Response<RB>, BoxError>) -> bool {
    match Outcome::note(result) {
        Some(outcome) => outcome.may_retry(),
        None => Outcome::class_of(result).is_transient(),
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Called { .. } => "Called",
            State::Passed { .. } => "Passed",
            State::Rejected { .. } => "Rejected",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &format_args!("{state}"))
            .finish_non_exhaustive()
    }
}
