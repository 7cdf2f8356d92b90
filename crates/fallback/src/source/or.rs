use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_steady_core::Outcome;

use super::{Given, Recorder, Source};
use crate::{Stock, Tried};

/// Two sources, the second for when the first has no answer. Made by
/// [`FallbackLayer::or`](crate::FallbackLayer::or).
#[derive(Clone, Copy, Debug)]
pub struct Or<First, Next> {
    first: First,
    next: Next,
}

impl<First, Next> Or<First, Next> {
    pub(crate) const fn new(first: First, next: Next) -> Self {
        Self { first, next }
    }
}

impl<First: Stock, Next: Stock> Stock for Or<First, Next> {
    fn kept(&self) -> usize {
        self.first.kept() + self.next.kept()
    }
}

impl<First, Next, B, RB> Source<B, RB> for Or<First, Next>
where
    First: Source<B, RB>,
    Next: Source<B, RB> + Clone,
{
    type Kept = (Option<First::Kept>, Option<Next::Kept>);
    type Future = OrFuture<First, Next, B, RB>;

    fn keep(&self, request: &Request<B>) -> Option<Self::Kept> {
        let kept = (self.first.keep(request), self.next.keep(request));
        (kept.0.is_some() || kept.1.is_some()).then_some(kept)
    }

    fn learn(&self, (first, next): Self::Kept, response: &Response<RB>) -> Option<Recorder> {
        first
            .and_then(|kept| self.first.learn(kept, response))
            .or_else(|| self.next.learn(next?, response))
    }

    fn answer(&self, (first, next): Self::Kept, outcome: &Outcome) -> Self::Future {
        let (state, next) = match (first, next) {
            (Some(first), next) => {
                let first = self.first.answer(first, outcome);
                (State::First { first }, next)
            }
            (None, Some(next)) => {
                let next = self.next.answer(next, outcome);
                (State::Next { next }, None)
            }
            // Nothing kept is nobody asked.
            (None, None) => (State::Nobody, None),
        };
        OrFuture {
            state,
            tried: Tried::default(),
            source: self.next.clone(),
            kept: next,
            outcome: outcome.clone(),
        }
    }
}

pin_project! {
    /// The future of [`Or`].
    pub struct OrFuture<First, Next, B, RB>
    where
        First: Source<B, RB>,
        Next: Source<B, RB>,
    {
        #[pin]
        state: State<First::Future, Next::Future>,
        tried: Tried,
        source: Next,
        kept: Option<Next::Kept>,
        outcome: Outcome,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<First, Next> {
        First { #[pin] first: First },
        Next { #[pin] next: Next },
        Nobody,
    }
}

impl<First, Next, B, RB> Future for OrFuture<First, Next, B, RB>
where
    First: Source<B, RB>,
    Next: Source<B, RB>,
{
    type Output = Result<Given<RB>, Tried>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let given = match this.state.as_mut().project() {
                StateProj::First { first } => ready!(first.poll(cx)),
                StateProj::Next { next } => ready!(next.poll(cx)),
                StateProj::Nobody => Err(Tried::default()),
            };
            match given.and_then(Given::good) {
                Ok(given) => return Poll::Ready(Ok(given)),
                Err(tried) => this.tried.sources.extend(tried.sources),
            }
            let Some(kept) = this.kept.take() else {
                return Poll::Ready(Err(std::mem::take(this.tried)));
            };
            let next = this.source.answer(kept, this.outcome);
            this.state.set(State::Next { next });
        }
    }
}

impl<First, Next, B, RB> fmt::Debug for OrFuture<First, Next, B, RB>
where
    First: Source<B, RB>,
    Next: Source<B, RB>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrFuture")
            .field("tried", &self.tried)
            .finish_non_exhaustive()
    }
}
