use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Request;
use http::Response;
use pin_project_lite::pin_project;
use tower_service::Service;
use tower_steady_core::BoxError;

use super::caller::Caller;
use super::clock;
use super::verdict::{self, Lesson};
use super::waiting::{Tracked, Waiting};

pin_project! {
    /// The future of [`Pause`](super::Pause).
    #[derive(Debug)]
    pub struct ResponseFuture<F, S, B, Q> {
        #[pin]
        state: State<F, S, B, Q>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F, S, B, Q> {
        /// Sent while no key was paused.
        Free {
            #[pin]
            call: F,
            caller: Arc<Caller<Q>>,
        },
        /// Sent while its key was paced.
        Paced {
            #[pin]
            call: F,
            tracked: Tracked<Q>,
        },
        /// Not sent yet. Boxed, so that a call that does not wait does not carry the room for it.
        Waiting { waiting: Pin<Box<Waiting<S, B, Q>>> },
        /// Not to be sent.
        Refused { error: Option<BoxError> },
    }
}

impl<F, S, B, Q> ResponseFuture<F, S, B, Q> {
    #[inline]
    pub(crate) fn free(call: F, caller: Arc<Caller<Q>>) -> Self {
        Self {
            state: State::Free { call, caller },
        }
    }

    pub(crate) fn paced(call: F, tracked: Tracked<Q>) -> Self {
        Self {
            state: State::Paced { call, tracked },
        }
    }

    pub(crate) fn waiting(waiting: Waiting<S, B, Q>) -> Self {
        Self {
            state: State::Waiting {
                waiting: Box::pin(waiting),
            },
        }
    }

    pub(crate) fn refused(error: BoxError) -> Self {
        Self {
            state: State::Refused { error: Some(error) },
        }
    }
}

impl<F, S, B, Q, RB, E> Future for ResponseFuture<F, S, B, Q>
where
    F: Future<Output = Result<Response<RB>, E>>,
    S: Service<Request<B>, Response = Response<RB>, Error = E, Future = F> + Clone,
    E: Into<BoxError>,
    Q: Clone + Eq + Hash + fmt::Debug,
{
    type Output = Result<Response<RB>, BoxError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().project().state.project() {
                StateProjection::Free { call, caller } => {
                    let polled = call.poll(cx);
                    // Looked at where it is: a response is large to move.
                    return match &polled {
                        Poll::Ready(Ok(response))
                            if verdict::is_success(response)
                                && !caller.proactive
                                && !caller.book.is_engaged() =>
                        {
                            polled.map_err(Into::into)
                        }
                        _ => polled.map(|result| tell(caller, result)),
                    };
                }
                StateProjection::Paced { call, tracked } => {
                    let result = ready!(call.poll(cx)).map_err(Into::into);
                    tracked.settle(&result);
                    return Poll::Ready(result);
                }
                StateProjection::Waiting { waiting } => {
                    let (call, tracked) = ready!(waiting.as_mut().poll_turn(cx))?;
                    self.as_mut()
                        .project()
                        .state
                        .set(State::Paced { call, tracked });
                }
                StateProjection::Refused { error } => {
                    let error = error.take().expect("polled after completion");
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}

/// Pauses the key of a call that was sent while nobody was paused, if it was refused with a wait. What
/// ends after that tells how fast the calls went before it.
#[cold]
fn tell<Q, RB, E>(
    caller: &Caller<Q>,
    result: Result<Response<RB>, E>,
) -> Result<Response<RB>, BoxError>
where
    Q: Clone + Eq + Hash + fmt::Debug,
    E: Into<BoxError>,
{
    let result = result.map_err(Into::into);
    let Caller { key, book, .. } = caller;
    let verdict = verdict::of(&result, book.settings(), key);
    let now = clock::now();
    let slot = match verdict.pause {
        Some(wait) => book.open(key, now).inspect(|slot| slot.pause(now, wait)),
        None if book.is_engaged() => book.find(key),
        None => None,
    };
    if let Some(slot) = slot {
        match verdict.rate {
            Some(Lesson::Accepted) => slot.landed(now),
            Some(Lesson::Refused) => slot.bounced(),
            None => {}
        }
    }
    result
}
