use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tower_steady_core::{Attempt, BoxError, Class, Lease, Outcome};

use super::book::Book;
use super::gate::{Bill, Billed};
use crate::call::{Call, Settle, may_retry};
use crate::charge::Charge;

pin_project! {
    /// The response of a [`Spend`](super::Spend).
    pub struct ResponseFuture<F> {
        #[pin]
        call: Call<F, Owed>,
    }
}

/// A try of a call, and what the next one would cost.
pub(super) struct Owed {
    pub(super) book: Lease<Book>,
    pub(super) attempt: Attempt,
    pub(super) bill: Bill,
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(call: Call<F, Owed>) -> Self {
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

impl Settle for Owed {
    #[inline]
    fn settle<RB, E: Into<BoxError>>(
        &mut self,
        charge: &mut Charge,
        result: Poll<Result<Response<RB>, E>>,
    ) -> Poll<Result<Response<RB>, BoxError>> {
        let mut result = ready!(result).map_err(Into::into);
        match Outcome::class_of(&result) {
            Class::Success => {}
            Class::Rejected => charge.give_back(),
            _ => {
                if may_retry(&result) {
                    let book = self.book.clone();
                    let gate = Arc::new(Billed::following(book, self.bill.clone(), self.attempt));
                    Outcome::amend(&mut result, |outcome| outcome.add_gate(gate));
                }
            }
        }
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("state", &self.call)
            .finish_non_exhaustive()
    }
}
