use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use tower_steady_core::{BoxError, Class, Outcome};

use crate::{events, hints, metrics, moment};

pin_project! {
    /// The future of [`RetryAfter`](crate::RetryAfter).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn new(inner: F) -> Self {
        Self { inner }
    }
}

impl<F, RB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<RB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut polled = self.project().inner.poll(cx);
        // An error has no headers.
        if let Poll::Ready(Ok(response)) = &mut polled {
            // A success stays without a note, and so without an allocation.
            let class = Outcome::class_of_response(response);
            if class != Class::Success {
                publish(class, response);
            }
        }
        polled.map_err(Into::into)
    }
}

/// Writes what the headers say on the outcome.
#[cold]
fn publish<RB>(class: Class, response: &mut Response<RB>) {
    let status = response.status().as_u16();
    let hints = hints::read(class, response.headers(), moment::now());
    if hints == hints::Hints::NONE {
        return;
    }
    Outcome::amend_response(response, |outcome| {
        if let Some(asked) = hints.asked {
            outcome.wait_at_least(asked);
        } else if let (Some(reset), None) = (hints.reset, outcome.wait) {
            // When a quota is full again is more than was asked for if a body named a wait.
            outcome.wait_at_least(reset);
        }
        if !hints.retry {
            outcome.transient = false;
        }
        events::told(outcome, status);
        if let Some(wait) = hints.asked.or(hints.reset) {
            metrics::told(outcome.class, wait);
        }
    });
}
