use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};
use tower_service::Service;
use tower_steady_core::{BoxError, Class, Lease, Outcome, TryClone};

use crate::call::{Call, Step};
use crate::copy::Copy;
use crate::service::Template;
use crate::span::CallSpan;
use crate::{NoRepair, Repair};

pin_project! {
    /// The future of a [`Retry`](crate::Retry): all tries of one call and the waits between them.
    ///
    /// May be dropped at any time: asleep it gives its grant back, in flight it has spent it.
    ///
    /// # Panics
    ///
    /// When it is polled after completion, and on the first wait if there is no tokio runtime with
    /// its timers enabled.
    pub struct ResponseFuture<S, B, R = NoRepair>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, S::Future>,
        call: Call<S, B, S::Response, R>,
        span: CallSpan,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F> {
        /// A try is under way.
        Calling {
            #[pin]
            future: F,
        },
        /// Between two tries. Neither a service nor a response is held, unless it was kept.
        Waiting {
            #[pin]
            sleep: Sleep,
        },
        /// The wait is over; a service for the next try is getting ready.
        Readying {
            service: S,
            // Not armed where it is ready at once, or where there is no deadline.
            #[pin]
            limit: Option<Sleep>,
        },
        Done,
    }
}

impl<S, B, R> ResponseFuture<S, B, R>
where
    S: Service<Request<B>>,
{
    #[inline]
    pub(crate) fn new(
        future: S::Future,
        template: Lease<Template<S, R>>,
        copy: Copy<B>,
        limit: u32,
        keyed: bool,
        span: CallSpan,
    ) -> Self {
        Self {
            state: State::Calling { future },
            call: Call::new(template, copy, limit, keyed),
            span,
        }
    }
}

impl<S, B, RB, R> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    S::Error: Into<BoxError>,
    B: TryClone,
    R: Repair<B>,
{
    type Output = Result<Response<RB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.span.is_open() {
            drive_within(this.span, this.state, this.call, cx)
        } else {
            drive(this.state, this.call, cx)
        }
    }
}

/// Goes on with a call in its span.
#[cold]
fn drive_within<S, B, RB, R>(
    span: &mut CallSpan,
    mut state: Pin<&mut State<S, S::Future>>,
    call: &mut Call<S, B, Response<RB>, R>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<RB>, BoxError>>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    S::Error: Into<BoxError>,
    B: TryClone,
    R: Repair<B>,
{
    let entered = span.enter();
    let poll = drive(state.as_mut(), call, cx);
    if let Poll::Ready(result) = &poll {
        call.tell_success(result);
    }
    drop(entered);
    match &poll {
        Poll::Ready(result) => span.close(result),
        Poll::Pending => {
            let in_flight = matches!(state.project(), StateProj::Calling { .. });
            span.sent(call.sends() + usize::from(in_flight && !call.is_held()));
        }
    }
    poll
}

/// Goes on with a call as far as it will go. Inlined for those without a span, which are to pay nothing
/// for the others.
#[inline(always)]
fn drive<S, B, RB, R>(
    mut state: Pin<&mut State<S, S::Future>>,
    call: &mut Call<S, B, Response<RB>, R>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<RB>, BoxError>>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    S::Error: Into<BoxError>,
    B: TryClone,
    R: Repair<B>,
{
    loop {
        match state.as_mut().project() {
            StateProj::Calling { future } => {
                let polled = future.poll(cx);
                // Most calls end here, and pay for nothing else. Looked at where it is, for a response
                // is large to move.
                if let Poll::Ready(Ok(answer)) = &polled
                    && call.is_first()
                    && is_success(answer)
                {
                    call.count_success();
                    return polled.map_err(Into::into);
                }
                let result = match polled {
                    Poll::Ready(result) => result.map_err(Into::into),
                    Poll::Pending => {
                        call.pending();
                        return Poll::Pending;
                    }
                };
                // The try and what it holds go before the wait, its answer too unless kept.
                state.set(State::Done);
                match call.settle(result) {
                    Step::Finish(result) => {
                        call.count(&result);
                        return Poll::Ready(result);
                    }
                    // The timer rounds up to a millisecond, which no delay must not pay.
                    Step::Wait(delay) if delay.is_zero() => {
                        state.set(State::readying(call));
                    }
                    Step::Wait(delay) => state.set(State::Waiting {
                        sleep: tokio::time::sleep(delay),
                    }),
                }
            }
            StateProj::Waiting { sleep } => {
                ready!(sleep.poll(cx));
                call.wake();
                state.set(State::readying(call));
            }
            StateProj::Readying { service, limit } => {
                let result = match service.poll_ready(cx) {
                    Poll::Ready(Ok(())) => match call.next() {
                        Ok(request) => {
                            let future = service.call(request);
                            call.launched();
                            state.set(State::Calling { future });
                            continue;
                        }
                        Err(veto) => call.give_back(None, veto),
                    },
                    Poll::Ready(Err(error)) => call.unready(error.into()),
                    Poll::Pending => {
                        ready!(poll_limit(limit, call.latest(), cx));
                        call.give_back(None, call.late())
                    }
                };
                call.count(&result);
                state.set(State::Done);
                return Poll::Ready(result);
            }
            StateProj::Done => panic!("`ResponseFuture` polled after completion"),
        }
    }
}

impl<S, F> State<S, F> {
    fn readying<B, A, R>(call: &Call<S, B, A, R>) -> Self
    where
        S: Clone,
    {
        Self::Readying {
            service: call.template.service(),
            limit: None,
        }
    }
}

/// What `Outcome::class_of` says, for a response at hand.
#[inline]
fn is_success<B>(answer: &Response<B>) -> bool {
    let class = match answer.extensions().get::<Outcome>() {
        Some(outcome) => outcome.class,
        None => Class::from_status(answer.status()),
    };
    class == Class::Success
}

/// Ready when it is too late for a try, where that can be.
fn poll_limit(
    mut limit: Pin<&mut Option<Sleep>>,
    latest: Option<Instant>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if limit.is_none() {
        let Some(latest) = latest else {
            return Poll::Pending;
        };
        limit.set(Some(tokio::time::sleep_until(latest)));
    }
    match limit.as_pin_mut() {
        Some(limit) => limit.poll(cx),
        None => Poll::Pending,
    }
}

impl<S, B, R> fmt::Debug for ResponseFuture<S, B, R>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Calling { .. } => "calling",
            State::Waiting { .. } => "waiting",
            State::Readying { .. } => "readying",
            State::Done => "done",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .field("attempt", &self.call.number())
            .finish_non_exhaustive()
    }
}
