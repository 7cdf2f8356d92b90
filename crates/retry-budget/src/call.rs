//! A call through a budget of either kind: what both do around it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use tower_steady_core::{BoxError, Failure, Outcome};

use crate::charge::Charge;

pin_project! {
    /// A call, and what its budget needs to know at its end.
    #[project = Projected]
    pub(crate) enum Call<F, N> {
        Called {
            #[pin]
            response: F,
            charge: Charge,
            needs: N,
        },
        // Through a budget that stands further in, too, and does its work there.
        Passed {
            #[pin]
            response: F,
        },
        Rejected { failure: Option<Box<Failure>> },
    }
}

/// What a budget does at the end of a call.
pub(crate) trait Settle {
    /// Books what a call has come to.
    fn settle<RB, E: Into<BoxError>>(
        &mut self,
        charge: &mut Charge,
        result: Poll<Result<Response<RB>, E>>,
    ) -> Poll<Result<Response<RB>, BoxError>>;
}

impl<F, N> Call<F, N> {
    pub(crate) const fn rejected(failure: Box<Failure>) -> Self {
        Self::Rejected {
            failure: Some(failure),
        }
    }
}

impl<F, N, RB, E> Future for Call<F, N>
where
    F: Future<Output = Result<Response<RB>, E>>,
    E: Into<BoxError>,
    N: Settle,
{
    type Output = Result<Response<RB>, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Called {
                response,
                charge,
                needs,
            } => {
                charge.polled();
                needs.settle(charge, response.poll(cx))
            }
            Projected::Passed { response } => response.poll(cx).map_err(Into::into),
            Projected::Rejected { failure } => Poll::Ready(Err(failure
                .take()
                .expect("`ResponseFuture` polled after it was ready"))),
        }
    }
}

/// Whether somebody may want to pass a gate.
pub(crate) fn may_retry<RB>(result: &Result<Response<RB>, BoxError>) -> bool {
    match Outcome::note(result) {
        Some(outcome) => outcome.may_retry(),
        None => Outcome::class_of(result).is_transient(),
    }
}

impl<F, N> fmt::Debug for Call<F, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Called { .. } => "Called",
            Self::Passed { .. } => "Passed",
            Self::Rejected { .. } => "Rejected",
        })
    }
}
