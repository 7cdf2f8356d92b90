use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tower_steady_core::{
    AttemptReport, BoxError, Class, Deadline, Failure, Grant, Head, Held, Outcome, Report, Seeds,
    Veto, request_id,
};

use crate::event::{self, Tried};

/// What a call knows once its first try has failed. Boxed, so that calls that succeed at once do not
/// carry it.
pub(crate) struct Session<A, B> {
    report: Report,
    /// Tries so far, those included that a layer here rejected.
    pub(crate) tries: u32,
    /// Whether the provider can have processed any of them.
    pub(crate) sent: bool,
    pub(crate) deadline: Option<Deadline>,
    /// This call's own random numbers.
    pub(crate) random: Seeds,
    /// The jittered part of the last delay.
    pub(crate) previous: Duration,
    /// The delay before the next try, or the one under way.
    slept: Duration,
    pub(crate) repair: Repaired,
    next: Option<Request<B>>,
    grant: Option<Granted>,
    flight: Flight,
    /// What the caller gets if the next try cannot be sent.
    kept: Option<Result<A, BoxError>>,
}

/// Whether the repair hook has been asked, and has changed the try under way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Repaired {
    pub(crate) asked: bool,
    pub(crate) this_try: bool,
}

/// The next try, ready to be sent after its delay.
pub(crate) struct Next<B> {
    pub(crate) request: Request<B>,
    pub(crate) delay: Duration,
    pub(crate) backoff: Duration,
    pub(crate) grant: Option<Granted>,
    pub(crate) repaired: bool,
}

/// How a try ended, as far as a session cares.
#[derive(Debug)]
pub(crate) struct Ended {
    /// A layer here rejected it before it was sent.
    pub(crate) unsent: bool,
    /// A retry layer below has reported on it, and has told of its giving up.
    pub(crate) nested: bool,
}

/// A grant, and whether its try is kept back by a layer below.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) grant: Grant,
    pub(crate) held: Held,
}

/// A grant whose try is under way: it counts as spent, also where the call is dropped, unless the try
/// comes back rejected or has not left yet.
#[derive(Debug, Default)]
struct Flight(Option<Granted>);

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(Granted { grant, held }) = self.0.take()
            && !held.is_held()
        {
            grant.spend();
        }
    }
}

impl<A, B> Session<A, B> {
    pub(crate) fn new(deadline: Option<Deadline>, random: Seeds) -> Self {
        Self {
            report: Report::default(),
            tries: 1,
            sent: false,
            deadline,
            random,
            previous: Duration::ZERO,
            slept: Duration::ZERO,
            repair: Repaired::default(),
            next: None,
            grant: None,
            flight: Flight::default(),
            kept: None,
        }
    }

    /// The tries that were sent.
    pub(crate) fn attempts(&self) -> &[AttemptReport] {
        &self.report.attempts
    }

    /// What the last try that was sent came to.
    pub(crate) fn last_class(&self) -> Class {
        // Nothing was sent: every try was rejected here.
        self.attempts()
            .last()
            .map_or(Class::Rejected, |last| last.class)
    }

    /// Puts the next try off.
    pub(crate) fn schedule(&mut self, next: Next<B>) {
        self.slept = next.delay;
        self.previous = next.backoff;
        self.repair.this_try = next.repaired;
        self.next = Some(next.request);
        self.grant = next.grant;
    }

    /// The delay is over.
    pub(crate) fn wake(&mut self) {
        self.report.total_wait = self.report.total_wait.saturating_add(self.slept);
    }

    /// The next try goes out now.
    pub(crate) fn next(&mut self) -> Option<Request<B>> {
        self.tries = self.tries.saturating_add(1);
        self.next.take()
    }

    /// It is out: dropped from here on it counts as sent.
    pub(crate) fn launched(&mut self) {
        self.flight = Flight(self.grant.take());
    }

    /// Whether a layer below keeps it back.
    pub(crate) fn is_held(&self) -> bool {
        let granted = self.flight.0.as_ref();
        granted.is_some_and(|granted| granted.held.is_held())
    }
}

impl<RB, B> Session<Response<RB>, B> {
    /// Writes down how a try ended.
    pub(crate) fn record(
        &mut self,
        result: &mut Result<Response<RB>, BoxError>,
        outcome: &Outcome,
        elapsed: Duration,
    ) -> Ended {
        let below = take_report(result);
        let unsent = outcome.class == Class::Rejected
            && below.as_ref().is_none_or(|report| report.sends() == 0);
        let ended = Ended {
            unsent,
            nested: below.is_some(),
        };
        // Rejected before it was sent: the grant is given back. Else it is spent.
        let grant = self.flight.0.take();
        if unsent {
            drop(grant);
            return ended;
        }
        if let Some(Granted { grant, .. }) = grant {
            grant.spend();
        }
        self.sent |= outcome.sent;
        match below {
            Some(below) => self.adopt(below),
            None => self.add(result, outcome, elapsed),
        }
        ended
    }

    fn add(
        &mut self,
        result: &Result<Response<RB>, BoxError>,
        outcome: &Outcome,
        elapsed: Duration,
    ) {
        let mut attempt = AttemptReport::new(outcome.class);
        attempt.wait = outcome.wait;
        attempt.slept = self.slept;
        attempt.elapsed = elapsed;
        attempt.repaired = self.repair.this_try;
        if let Ok(response) = result {
            attempt.status = Some(response.status());
            attempt.request_id = request_id::find(response.headers()).map(Box::from);
        }
        self.report.attempts.push(attempt);
    }

    /// The tries of a retry layer below are tries of this call.
    fn adopt(&mut self, mut below: Report) {
        if let Some(first) = below.attempts.first_mut() {
            first.slept = self.slept;
            first.repaired |= self.repair.this_try;
        }
        self.report.attempts.append(&mut below.attempts);
        self.report.total_wait = self.report.total_wait.saturating_add(below.total_wait);
        if below.last_head.is_some() {
            self.report.last_head = below.last_head;
        }
    }

    /// Keeps a failed result across the wait, where it holds no connection.
    pub(crate) fn keep(&mut self, result: Result<Response<RB>, BoxError>, outcome: &Outcome) {
        match &result {
            Ok(response) if !outcome.whole => {
                // Dropped here, before the wait, and its connection with it.
                self.report.last_head = Some(Arc::new(Head::of(response)));
                return;
            }
            Ok(_) => self.report.last_head = None,
            // A provider's own answer is worth more than an error, also if it is older.
            Err(_) if matches!(self.kept, Some(Ok(_))) => return,
            Err(_) => {}
        }
        self.kept = Some(result);
    }

    /// The next try could not be sent: the kept result, or what stood in its way, with the veto.
    pub(crate) fn give_back(
        mut self,
        instead: Result<Response<RB>, BoxError>,
        veto: Veto,
    ) -> Result<Response<RB>, BoxError> {
        let last = self.report.attempts.last();
        let tried = Tried {
            class: self.last_class(),
            status: last.and_then(|last| last.status),
            attempt: self.tries,
            request_id: last.and_then(|last| last.request_id.as_deref()),
        };
        event::giving_up(&tried, &veto);
        let result = self.kept.take().unwrap_or(instead);
        self.close(result, Some(veto))
    }

    /// The last try's own result is the call's.
    pub(crate) fn finish(
        mut self,
        result: Result<Response<RB>, BoxError>,
        veto: Option<Veto>,
    ) -> Result<Response<RB>, BoxError> {
        match (&result, &self.kept) {
            // The last answer is here itself.
            (Ok(_), _) => self.report.last_head = None,
            (Err(_), Some(Ok(kept))) if self.report.last_head.is_none() => {
                self.report.last_head = Some(Arc::new(Head::of(kept)));
            }
            (Err(_), _) => {}
        }
        self.close(result, veto)
    }

    fn close(
        self,
        mut result: Result<Response<RB>, BoxError>,
        veto: Option<Veto>,
    ) -> Result<Response<RB>, BoxError> {
        let class = Outcome::class_of(&result);
        if class != Class::Success {
            let mut refused = false;
            Outcome::amend(&mut result, |outcome| {
                drop(outcome.take_gate());
                outcome.sent |= self.sent;
                if let Some(veto) = veto {
                    outcome.forbid(veto);
                }
                refused = class == Class::Auth && outcome.announce();
            });
            if refused {
                event::unauthenticated(&Tried::new(class, self.tries, result.as_ref().ok()));
            }
        }
        self.report.leave(&mut result);
        result
    }
}

fn take_report<RB>(result: &mut Result<Response<RB>, BoxError>) -> Option<Report> {
    match result {
        Ok(response) => response.extensions_mut().remove(),
        Err(error) => Failure::find(&**error)?.report().cloned(),
    }
}
