//! A call in the line of its key: its place, its patience, and how it is sent when its turn comes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_service::Service;
use tower_steady_core::metrics::Since;
use tower_steady_core::{BoxError, Deadline, Held};

use super::clock;
use super::error::{Paused, PausedReason};
use super::line::{Ticket, Turn};
use super::pacer::Pass;
use super::slot::Slot;
use super::verdict::{self, Lesson};
use crate::events;
use crate::metrics;

/// Of the time until its deadline, a call keeps a tenth.
const KEPT: u32 = 10;

/// How long a call is willing to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) give_up: Instant,
    reason: PausedReason,
}

impl Patience {
    pub(crate) fn new(now: Instant, max_wait: Duration, deadline: Option<Deadline>) -> Self {
        let give_up = clock::after(now, max_wait);
        match deadline.map(Deadline::instant) {
            Some(deadline) if deadline < give_up => {
                // A part is kept for the call itself: one that is sent when its time is over takes a
                // place under the limit for nothing, and looks to a breaker as if the provider hung.
                let time = deadline.saturating_duration_since(now);
                Self {
                    give_up: now + (time - time / KEPT),
                    reason: PausedReason::Deadline,
                }
            }
            _ => Self {
                give_up,
                reason: PausedReason::MaxWait,
            },
        }
    }

    pub(crate) fn over(&self, left: Duration) -> Paused {
        Paused::new(left, self.reason)
    }
}

/// A place in a line, taken at the first poll and given up when it is dropped.
pub(crate) struct Place<Q> {
    slot: Arc<Slot<Q>>,
    patience: Patience,
    ticket: Option<Ticket>,
    taken: bool,
}

impl<Q: fmt::Debug> Place<Q> {
    pub(crate) fn new(slot: Arc<Slot<Q>>, patience: Patience) -> Self {
        Self {
            slot,
            patience,
            ticket: None,
            taken: false,
        }
    }

    fn poll(&mut self, now: Instant, waker: &Waker) -> Turn {
        let ticket = match self.ticket {
            Some(ticket) if self.taken => ticket,
            again => match self.slot.join(again, self.patience.give_up, now) {
                Ok(ticket) => ticket,
                Err(left) => return Turn::Full(left),
            },
        };
        self.ticket = Some(ticket);
        let turn = self.slot.poll(ticket, now, waker);
        self.taken = matches!(turn, Turn::Wait(_));
        turn
    }

    fn tracked(&self, pass: Pass) -> Tracked<Q> {
        Tracked::new(Arc::clone(&self.slot), pass)
    }

    fn refuse(&self, paused: Paused) -> BoxError {
        refuse(paused, &self.slot)
    }
}

impl<Q> Drop for Place<Q> {
    fn drop(&mut self) {
        if let (true, Some(ticket)) = (self.taken, self.ticket) {
            self.slot.leave(ticket);
        }
    }
}

/// Tells of a refusal and makes it an error.
pub(crate) fn refuse<Q: fmt::Debug>(paused: Paused, slot: &Slot<Q>) -> BoxError {
    events::not_sent(slot.key(), &paused);
    metrics::not_sent(&slot.settings().name, paused.reason());
    paused.into_failure()
}

/// A call that was sent while its key was paced, whose end its key learns from.
pub(crate) struct Tracked<Q> {
    slot: Arc<Slot<Q>>,
    pass: Pass,
}

impl<Q: fmt::Debug> Tracked<Q> {
    pub(crate) fn new(slot: Arc<Slot<Q>>, pass: Pass) -> Self {
        Self { slot, pass }
    }

    pub(crate) fn settle<RB>(&self, result: &Result<Response<RB>, BoxError>) {
        let verdict = verdict::of(result, self.slot.settings(), self.slot.key());
        match verdict.rate {
            Some(Lesson::Accepted) => self.slot.success(self.pass),
            Some(Lesson::Refused) => self.slot.refusal(self.pass, clock::now()),
            None => {}
        }
        if let Some(wait) = verdict.pause {
            self.slot.pause(clock::now(), wait);
        }
    }
}

impl<Q> fmt::Debug for Tracked<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked")
            .field("pass", &self.pass)
            .finish_non_exhaustive()
    }
}

/// The call that a waiting request became, or why it did not.
pub(crate) type Sent<F, Q> = Result<(F, Tracked<Q>), BoxError>;

pin_project! {
    /// A request that waits for its turn.
    pub(crate) struct Waiting<S, B, Q> {
        service: S,
        request: Option<Request<B>>,
        place: Place<Q>,
        pass: Option<Pass>,
        since: Since,
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl<S, B, Q: fmt::Debug> Waiting<S, B, Q> {
    pub(crate) fn new(service: S, request: Request<B>, place: Place<Q>) -> Self {
        Held::mark(request.extensions(), true);
        Self {
            service,
            request: Some(request),
            place,
            pass: None,
            since: Since::now(clock::now),
            sleep: None,
        }
    }

    /// Waits for the turn, makes the service ready, and sends.
    pub(crate) fn poll_turn<RB>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Sent<S::Future, Q>>
    where
        S: Service<Request<B>, Response = Response<RB>> + Clone,
        S::Error: Into<BoxError>,
    {
        let mut this = self.project();
        loop {
            if let Some(pass) = *this.pass {
                let Poll::Ready(is_ready) = this.service.poll_ready(cx) else {
                    // Its patience is for this, too.
                    ready!(sleep_until(this.sleep, this.place.patience.give_up, cx));
                    let paused = this.place.patience.over(Duration::ZERO);
                    return Poll::Ready(Err(this.place.refuse(paused)));
                };
                is_ready.map_err(Into::into)?;
                // Becoming ready may have taken a while: look again before it is sent.
                if this.place.slot.is_open(clock::now()) {
                    let request = this.request.take().expect("polled after completion");
                    Held::mark(request.extensions(), false);
                    let call = this.service.call(request);
                    let name = &this.place.slot.settings().name;
                    metrics::waited(name, this.since.elapsed(clock::now));
                    return Poll::Ready(Ok((call, this.place.tracked(pass))));
                }
                // Back to its old place, and without the readiness.
                *this.pass = None;
                *this.service = this.service.clone();
            }
            match this.place.poll(clock::now(), cx.waker()) {
                Turn::Go(pass) => *this.pass = Some(pass),
                Turn::Late(left) => {
                    let paused = this.place.patience.over(left);
                    return Poll::Ready(Err(this.place.refuse(paused)));
                }
                Turn::Full(left) => {
                    let paused = Paused::new(left, PausedReason::QueueFull);
                    return Poll::Ready(Err(this.place.refuse(paused)));
                }
                Turn::Wait(at) => {
                    ready!(sleep_until(this.sleep.as_mut(), at, cx));
                }
            }
        }
    }
}

fn sleep_until(mut sleep: Pin<&mut Option<Sleep>>, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
    let at = tokio::time::Instant::from_std(at);
    match sleep.as_mut().as_pin_mut() {
        Some(sleep) if sleep.deadline() == at => {}
        Some(sleep) => sleep.reset(at),
        None => sleep.set(Some(tokio::time::sleep_until(at))),
    }
    sleep
        .as_pin_mut()
        .map_or(Poll::Ready(()), |sleep| sleep.poll(cx))
}

/// Without the request, whose headers may be secrets.
impl<S, B, Q: fmt::Debug> fmt::Debug for Waiting<S, B, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("key", self.place.slot.key())
            .field("ticket", &self.place.ticket)
            .finish_non_exhaustive()
    }
}
