use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tower_steady_core::{Attempt, BoxError, Class, Failure, Grant, Lease, Outcome};

use crate::account::Account;
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
        Rejected { failure: Option<Box<Failure>> },
    }
}

/// What an unpaid repeat was charged: given back if the repeat is dropped before it was polled, for
/// then nothing was sent, or if a layer further in rejects it.
struct Charge {
    grant: Option<Grant>,
    polled: bool,
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

impl<F> ResponseFuture<F> {
    pub(crate) fn new(
        response: F,
        account: Lease<Account>,
        attempt: Attempt,
        grant: Option<Grant>,
    ) -> Self {
        Self {
            state: State::Called {
                response,
                account,
                attempt,
                charge: Charge {
                    grant,
                    polled: false,
                },
            },
        }
    }

    pub(crate) fn rejected(failure: Failure) -> Self {
        Self {
            state: State::Rejected {
                failure: Some(Box::new(failure)),
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
                charge.polled = true;
                let mut result = ready!(response.poll(cx)).map_err(Into::into);
                match Outcome::class_of(&result) {
                    Class::Success => account.success(*attempt),
                    // Not sent after all: what it was charged goes back.
                    Class::Rejected => drop(charge.grant.take()),
                    class => failed(account, class, &mut result),
                }
                Poll::Ready(result)
            }
            Projected::Rejected { failure } => Poll::Ready(Err(failure
                .take()
                .expect("`ResponseFuture` polled after it was ready"))),
        }
    }
}

/// Counts a failure, and leaves the gate where somebody may want to pass it.
#[cold]
fn failed<RB>(account: &Lease<Account>, class: Class, result: &mut Result<Response<RB>, BoxError>) {
    let note = Outcome::note(result);
    let transient = note.map_or(class.is_transient(), |outcome| outcome.transient);
    let may_retry = note.map_or(transient, Outcome::may_retry);
    if transient || class.is_transient() {
        account.failure();
    }
    if may_retry {
        let gate = Arc::new(Priced::new(account.clone(), Some(class)));
        Outcome::amend(result, |outcome| outcome.add_gate(gate));
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.state {
            State::Called { .. } => "Called",
            State::Rejected { .. } => "Rejected",
        };
        f.debug_tuple("ResponseFuture")
            .field(&format_args!("{name}"))
            .finish()
    }
}
