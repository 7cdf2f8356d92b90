use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tower_steady_core::{Attempt, BoxError, Shared, readiness};

use super::SpendHandle;
use super::book::Book;
use super::future::{Owed, ResponseFuture};
use super::gate::{Bill, Billed};
use crate::call::Call;
use crate::charge::Charge;
use crate::nesting;

/// Leaves a gate with the cost of a retry on what may be retried, and charges or rejects repeats that
/// nobody has paid for. Made by [`SpendLayer`](super::SpendLayer); clones share the ledger.
#[derive(Clone, Debug)]
pub struct Spend<S> {
    inner: S,
    book: Shared<Book>,
}

impl<S> Spend<S> {
    pub(crate) fn new(inner: S, book: Shared<Book>) -> Self {
        Self { inner, book }
    }

    /// Reads the ledger.
    #[must_use]
    pub fn handle(&self) -> SpendHandle {
        SpendHandle::new(self.book.state())
    }

    /// The service within.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, B, RB> Service<Request<B>> for Spend<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    S::Error: Into<BoxError>,
    B: Body,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let attempt = Attempt::of(request.extensions());
        let bill = Bill::of(&request, &self.book);
        let charge = Charge::unless_paid(attempt, || {
            Billed::repeating(self.book.lease(), bill.clone(), attempt)
        });
        let charge = match charge {
            Ok(charge) => charge,
            Err(failure) => {
                readiness::give_back(&mut self.inner);
                return ResponseFuture::new(Call::rejected(failure));
            }
        };
        let nesting = nesting::spend();
        let response = self.inner.call(request);
        if nesting.end(&*self.book) {
            return ResponseFuture::new(Call::Passed { response });
        }
        ResponseFuture::new(Call::Called {
            response,
            charge,
            needs: Owed {
                book: self.book.lease(),
                attempt,
                bill,
            },
        })
    }
}
