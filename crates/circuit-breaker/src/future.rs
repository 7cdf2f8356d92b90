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
use tower_steady_core::{BoxError, Class, Lease, Outcome, StreamOutcome};

use crate::body::{ResponseBody, Watch, judge};
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
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, F> {
        Calling {
            #[pin]
            future: F,
            permit: Option<Permit>,
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
        let permit = Some(permit);
        Self {
            state: State::Calling { future, permit },
        }
    }

    pub(crate) fn late(service: S, request: Request<B>, circuit: Lease<Circuit>) -> Self {
        let late = Some(Box::new(Late {
            service,
            request,
            circuit,
        }));
        Self {
            state: State::Late { late },
        }
    }

    pub(crate) fn rejected(open: Box<CircuitOpen>, circuit: &Circuit) -> Self {
        let respond = circuit.settings.respond;
        let open = Some(open);
        Self {
            state: State::Rejected { open, respond },
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Calling { future, permit } => {
                    let result = ready!(future.poll(cx)).map_err(Into::into);
                    let permit = permit.take().expect("not polled after completion");
                    return Poll::Ready(judge_head(result, permit));
                }
                StateProj::Late { late } => {
                    let waiting = late.as_mut().expect("not polled after completion");
                    ready!(waiting.service.poll_ready(cx)).map_err(Into::into)?;
                    let Late {
                        mut service,
                        request,
                        circuit,
                    } = *late.take().expect("taken here only");
                    let next = match circuit.admit() {
                        Ok(ticket) => {
                            let permit = Permit::new(circuit, ticket);
                            State::Calling {
                                future: service.call(request),
                                permit: Some(permit),
                            }
                        }
                        Err(open) => State::Rejected {
                            open: Some(open),
                            respond: circuit.settings.respond,
                        },
                    };
                    state.set(next);
                }
                StateProj::Rejected { open, respond } => {
                    let open = open.take().expect("not polled after completion");
                    return Poll::Ready(if *respond {
                        Ok(unavailable(&open))
                    } else {
                        Err(open.into_failure().into())
                    });
                }
            }
        }
    }
}

/// Gives the verdict on the head, or hands the permit on to the body of a stream.
fn judge_head<RB: Body>(
    result: Result<Response<RB>, BoxError>,
    permit: Permit,
) -> Result<Response<ResponseBody<RB>>, BoxError> {
    let note = Outcome::note(&result);
    let class = match note {
        Some(outcome) => outcome.class,
        None => Outcome::class_of(&result),
    };
    let wait = note.and_then(|outcome| outcome.wait);
    if class == Class::Success
        && let Ok(response) = result
    {
        return Ok(judge_success(response, permit));
    }
    permit.settle(class, wait);
    result.map(|response| response.map(|body| ResponseBody::new(body, None)))
}

fn judge_success<RB: Body>(response: Response<RB>, permit: Permit) -> Response<ResponseBody<RB>> {
    let Some(stream) = response.extensions().get::<StreamOutcome>() else {
        permit.settle(Class::Success, None);
        return response.map(|body| ResponseBody::new(body, None));
    };
    let mut watch = Some(Watch::new(stream.clone(), permit));
    // It may be decided by now: whoever left the note has looked into the stream.
    judge(&mut watch, response.body().is_end_stream());
    response.map(|body| ResponseBody::new(body, watch))
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
            State::Calling { permit, .. } => future.field("calling", permit),
            State::Late { .. } => future.field("waiting", &"inner service"),
            State::Rejected { open, .. } => future.field("rejected", open),
        };
        future.finish_non_exhaustive()
    }
}
