use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;
use tower_steady_core::{BoxError, Class, Failure, Held, Lease, Outcome, StreamOutcome};

use crate::body::{self, ResponseBody, Watch};
use crate::circuit::Circuit;
use crate::error::CircuitOpen;
use crate::permit::Permit;

pin_project! {
    /// One call through a [`CircuitBreaker`](crate::CircuitBreaker).
    ///
    /// May be dropped at any poll: a call that is not finished then is cancelled, which gives back a
    /// probe's slot and records nothing.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, S::Future>,
        // Beside the state and not in it, where the inner future would be moved once more to join it.
        // Settled while the call has not been made.
        permit: Permit,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, F> {
        Calling {
            #[pin]
            future: F,
        },
        // The inner service was not ready in `call`, because the circuit was open until then.
        Late {
            late: Option<Box<Late<S, B>>>,
        },
        Rejected {
            open: Option<Box<CircuitOpen>>,
            respond: bool,
        },
    }
}

struct Late<S, B> {
    service: S,
    request: Request<B>,
    circuit: Lease<Circuit>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    #[inline]
    pub(crate) fn calling(future: S::Future, permit: Permit) -> Self {
        Self {
            state: State::Calling { future },
            permit,
        }
    }

    pub(crate) fn late(service: S, request: Request<B>, circuit: Lease<Circuit>) -> Self {
        Held::mark(request.extensions(), true);
        let late = Some(Box::new(Late {
            service,
            request,
            circuit,
        }));
        Self {
            state: State::Late { late },
            permit: Permit::settled(),
        }
    }

    pub(crate) fn rejected(open: Box<CircuitOpen>, circuit: &Circuit) -> Self {
        let respond = circuit.settings.respond;
        let open = Some(open);
        Self {
            state: State::Rejected { open, respond },
            permit: Permit::settled(),
        }
    }
}

impl<S, B, RB> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
    RB: Body,
{
    type Output = Result<Response<ResponseBody<RB>>, BoxError>;

    // Inlined, it would have its caller move the answer once more, which costs more than the call.
    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let permit = this.permit;
        if let StateProj::Calling { future } = this.state.project() {
            let polled = future.poll(cx);
            // Judged where it is and moved once, with its new body: a copy of an answer costs more
            // than its verdict.
            let watch = match &polled {
                Poll::Ready(Ok(response)) => judge_head(response, permit),
                _ => None,
            };
            return match polled {
                Poll::Ready(Ok(response)) => {
                    Poll::Ready(Ok(response.map(|body| ResponseBody::new(body, watch))))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(judge_error(error.into(), permit))),
                Poll::Pending => {
                    permit.wait();
                    Poll::Pending
                }
            };
        }
        poll_uncalled(self, cx)
    }
}

/// Polls a call that has not been made yet, or will not be.
#[cold]
fn poll_uncalled<S, B, RB>(
    mut this: Pin<&mut ResponseFuture<S, B>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<ResponseBody<RB>>, BoxError>>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
    RB: Body,
{
    let mut projected = this.as_mut().project();
    let next = match projected.state.as_mut().project() {
        StateProj::Late { late } => {
            let waiting = late.as_mut().expect("not polled after completion");
            ready!(waiting.service.poll_ready(cx)).map_err(Into::into)?;
            let Late {
                mut service,
                mut request,
                circuit,
            } = *late.take().expect("taken here only");
            Held::mark(request.extensions(), false);
            match Permit::ask(circuit, request.extensions_mut()) {
                Ok(permit) => {
                    // A guard from here on, as in `CircuitBreaker::call`.
                    *projected.permit = permit;
                    State::Calling {
                        future: service.call(request),
                    }
                }
                Err((open, circuit)) => State::Rejected {
                    open: Some(open),
                    respond: circuit.settings.respond,
                },
            }
        }
        StateProj::Rejected { open, respond } => {
            let open = open.take().expect("not polled after completion");
            return Poll::Ready(if *respond {
                Ok(unavailable(&open))
            } else {
                Err(open.into_failure().into())
            });
        }
        StateProj::Calling { .. } => return this.poll(cx),
    };
    projected.state.set(next);
    this.poll(cx)
}

/// Gives the verdict on the head, or hands the permit on to the body of a stream.
#[inline]
fn judge_head<RB: Body>(response: &Response<RB>, permit: &mut Permit) -> Option<Box<Watch>> {
    if response.extensions().is_empty() && response.status().is_success() {
        permit.succeed();
        return None;
    }
    judge_notes(response, permit)
}

#[inline(never)]
fn judge_notes<RB: Body>(response: &Response<RB>, permit: &mut Permit) -> Option<Box<Watch>> {
    let known = response.extensions().get::<Outcome>();
    let by_status = Class::from_status(response.status());
    if known.map_or(by_status, |outcome| outcome.class) == Class::Success
        && let Some(stream) = response.extensions().get::<StreamOutcome>()
    {
        // For what is still to come of it.
        permit.wait();
        let mut watch = Some(Box::new(Watch::new(stream.clone(), permit.take())));
        // It may be decided by now: whoever left the note has looked into the stream.
        body::judge(&mut watch, response.body().is_end_stream());
        return watch;
    }
    permit.judge(known, by_status, None, false);
    None
}

#[cold]
fn judge_error(error: BoxError, permit: &mut Permit) -> BoxError {
    let known = Failure::find(&*error).map(Failure::outcome);
    permit.judge(known, Class::Transport, None, false);
    error
}

/// A server's answer in place of the error.
fn unavailable<RB: Body>(open: &CircuitOpen) -> Response<ResponseBody<RB>> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    if let Some(left) = open.left() {
        response
            .headers_mut()
            .insert(RETRY_AFTER, whole_seconds(left));
    }
    response.extensions_mut().insert(open.outcome());
    response
}

/// Rounded up, so that nobody comes back too early.
fn whole_seconds(left: Duration) -> HeaderValue {
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    HeaderValue::from(seconds)
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut future = f.debug_struct("ResponseFuture");
        match &self.state {
            State::Calling { .. } => future.field("calling", &self.permit),
            State::Late { .. } => future.field("waiting", &"inner service"),
            State::Rejected { open, .. } => future.field("rejected", open),
        };
        future.finish_non_exhaustive()
    }
}
