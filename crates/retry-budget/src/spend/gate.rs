//! What stands between a failed try and a retry that costs money.

use std::fmt;
use std::sync::Mutex;
use std::time::Instant;

use http::Request;
use http_body::Body;
use tower_steady_core::{Attempt, Gate, Lease, Veto};

use super::book::Book;
use super::cost::{Cost, RequestInfo, Workflow};
use super::ledger::{Order, Reservation};
use crate::account::lock;

/// What a retry of one request costs, and on whose account.
#[derive(Clone, Debug)]
pub(crate) struct Bill {
    cost: u64,
    workflow: Option<Workflow>,
}

impl Bill {
    pub(crate) fn of<B: Body>(request: &Request<B>, book: &Book) -> Self {
        let extensions = request.extensions();
        Self {
            cost: match extensions.get() {
                Some(Cost(cost)) => *cost,
                None => book.cost(&RequestInfo::of(request)),
            },
            workflow: extensions.get().cloned(),
        }
    }
}

/// A bill that can be paid and paid back.
pub(crate) struct Billed {
    book: Lease<Book>,
    bill: Bill,
    before: u64,
    /// What was taken and may be given back, latest last. Mostly one: who asks twice gives back twice.
    taken: Mutex<Vec<Reservation>>,
}

impl Billed {
    /// For the retry that comes after `retries` others of the same request. Those are taken to have
    /// cost the same: nothing is kept from one try to the next.
    pub(crate) fn new(book: Lease<Book>, bill: Bill, retries: u32) -> Self {
        Self {
            book,
            before: bill.cost.saturating_mul(u64::from(retries)),
            bill,
            taken: Mutex::default(),
        }
    }

    /// For the retry that would follow the try `attempt`.
    pub(crate) fn following(book: Lease<Book>, bill: Bill, attempt: Attempt) -> Self {
        Self::new(book, bill, attempt.number.saturating_sub(1))
    }

    /// For the try `attempt` itself, which is a repeat.
    pub(crate) fn repeating(book: Lease<Book>, bill: Bill, attempt: Attempt) -> Self {
        Self::new(book, bill, attempt.number.saturating_sub(2))
    }
}

impl Gate for Billed {
    fn take(&self, now: Instant) -> Result<(), Veto> {
        let order = Order {
            cost: self.bill.cost,
            before: self.before,
            workflow: self.bill.workflow.as_ref(),
        };
        let reservation = self.book.reserve(order, now)?;
        lock(&self.taken).push(reservation);
        Ok(())
    }

    fn give_back(&self) {
        let reservation = lock(&self.taken).pop();
        if let Some(reservation) = reservation {
            self.book.refund(&reservation);
        }
    }
}

impl fmt::Debug for Billed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Billed")
            .field("bill", &self.bill)
            .field("before", &self.before)
            .finish_non_exhaustive()
    }
}
