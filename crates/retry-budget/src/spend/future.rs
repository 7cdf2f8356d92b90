use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tower_steady_core::{Attempt, BoxError, Class, Failure, Lease, Outcome};

use super::book::Book;
use super::gate::{Bill, Billed};
use crate::charge::Charge;
use crate::future::may_retry;

pin_project! {
    /// The response of a [`Spend`](super::Spend).
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
            book: Lease<Book>,
            attempt: Attempt,
            bill: Bill,
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
        book: Lease<Book>,
        attempt: Attempt,
        bill: Bill,
        charge: Charge,
    ) -> Self {
        Self {
            state: State::Called {
                response,
                book,
                attempt,
                bill,
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
                book,
                attempt,
                bill,
                charge,
            } => {
                charge.polled();
                let mut result = ready!(response.poll(cx)).map_err(Into::into);
                match Outcome::class_of(&result) {
                    Class::Success => {}
                    Class::Rejected => charge.give_back(),
                    _ => {
                        if may_retry(&result) {
                            let billed = Billed::following(book.clone(), bill.clone(), *attempt);
                            let gate = Arc::new(billed);
                            Outcome::amend(&mut result, |outcome| outcome.add_gate(gate));
                        }
                    }
                }
                Poll::Ready(result)
            }
            Projected::Passed { response } => response.poll(cx).map_err(Into::into),
            Projected::Rejected { failure } => Poll::Ready(Err(failure
                .take()
                .expect("`ResponseFuture` polled after it was ready"))),
        }
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
