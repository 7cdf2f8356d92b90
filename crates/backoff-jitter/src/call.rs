use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;
use tower_steady_core::metrics::{self, Since};
use tower_steady_core::{
    BoxError, Class, Failure, Lease, Outcome, Report, Seeds, TryClone, Veto, VetoReason,
};

use crate::copy::Copy;
use crate::decision;
use crate::event::{self, Tried};
use crate::metrics::Meters;
use crate::service::Template;
use crate::session::Session;
use crate::{NotSent, Repair};

mod verdict;

type Answer<RB> = Result<Response<RB>, BoxError>;

/// One call: what it needs for a further try, and what it has seen so far.
pub(crate) struct Call<S, B, A, R> {
    pub(crate) template: Lease<Template<S, R>>,
    copy: Copy<B>,
    /// Whether the idempotency key is ours.
    keyed: bool,
    limit: u32,
    started: Option<Instant>,
    since: Since,
    session: Option<Box<Session<A, B>>>,
}

/// What comes after a try.
pub(crate) enum Step<RB> {
    Finish(Answer<RB>),
    Wait(Duration),
}

impl<S, B, A, R> Call<S, B, A, R> {
    #[inline]
    pub(crate) fn new(
        template: Lease<Template<S, R>>,
        copy: Copy<B>,
        limit: u32,
        keyed: bool,
    ) -> Self {
        Self {
            template,
            copy,
            keyed,
            limit,
            started: None,
            since: Since::now(now),
            session: None,
        }
    }

    fn meters(&self) -> &Meters {
        &self.template.settings.meters
    }

    /// The number of the try under way.
    pub(crate) fn number(&self) -> u32 {
        self.session.as_ref().map_or(1, |session| session.tries)
    }

    /// How many tries were sent and have ended.
    pub(crate) fn sends(&self) -> usize {
        let session = self.session.as_ref();
        session.map_or(0, |session| session.attempts().len())
    }

    /// Whether the first try is under way.
    pub(crate) fn is_first(&self) -> bool {
        self.session.is_none()
    }

    /// The try is under way and has not answered at once: only then its time is worth a clock read.
    pub(crate) fn pending(&mut self) {
        if self.started.is_none() {
            self.started = Some(Instant::now());
        }
    }

    fn elapsed(&self, now: Instant) -> Duration {
        self.started
            .map_or(Duration::ZERO, |started| now.duration_since(started))
    }

    /// Tells of a first try that has succeeded, which nothing else does: all others leave a report.
    pub(crate) fn tell_success<RB>(&self, result: &Answer<RB>) {
        if let Ok(response) = result
            && Report::of(result).is_none()
            && event::tells_attempts()
        {
            let tried = Tried::new(Class::Success, 1, Some(response));
            event::attempt(&tried, self.elapsed(Instant::now()), None);
        }
    }

    /// The first try has succeeded, and the call with it.
    #[inline]
    pub(crate) fn count_success(&self) {
        let meters = self.meters();
        meters.tried(Class::Success);
        meters.called(Class::Success, self.since.elapsed(now));
    }

    /// The call ends with `result`, after more than that.
    pub(crate) fn count<RB>(&self, result: &Answer<RB>) {
        if metrics::ENABLED {
            let took = self.since.elapsed(now);
            self.meters().called(Outcome::class_of(result), took);
        }
    }

    /// When it is too late for a try.
    pub(crate) fn latest(&self) -> Option<Instant> {
        let deadline = self.session.as_ref()?.deadline?.instant();
        let slack = self.template.settings.limits.slack();
        Some(deadline.checked_sub(slack).unwrap_or(deadline).into())
    }

    /// The delay is over.
    pub(crate) fn wake(&mut self) {
        if let Some(session) = &mut self.session {
            session.wake();
        }
    }

    /// The next try, which goes out now, if it is not too late for it.
    pub(crate) fn next(&mut self) -> Result<Request<B>, Veto> {
        if let Some(left) = self.left() {
            decision::in_time_still(&self.template.settings.limits, left)?;
        }
        self.started = None;
        // Every wait has a try behind it.
        let next = self.session.as_mut().and_then(|session| session.next());
        next.ok_or_else(not_sent)
    }

    /// The veto where it has become too late.
    pub(crate) fn late(&self) -> Veto {
        let left = self.left().unwrap_or_default();
        decision::too_late(&self.template.settings.limits, left)
    }

    fn left(&self) -> Option<Duration> {
        let deadline = self.session.as_ref()?.deadline?;
        Some(deadline.remaining(Instant::now().into_std()))
    }

    /// It is out.
    pub(crate) fn launched(&mut self) {
        if let Some(session) = &mut self.session {
            session.launched();
        }
    }

    /// Whether a layer below keeps the try back.
    pub(crate) fn is_held(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.is_held())
    }
}

impl<S, B, RB, R> Call<S, B, Response<RB>, R>
where
    B: TryClone,
    R: Repair<B>,
{
    /// Takes the result of a try and says what comes next.
    pub(crate) fn settle(&mut self, mut result: Answer<RB>) -> Step<RB> {
        let now = Instant::now();
        let elapsed = self.elapsed(now);
        let noted = Outcome::note(&result).is_some();
        let mut outcome = Outcome::read(&result);

        let mut session = self.session.take().unwrap_or_else(|| {
            let random = Seeds::fixed(self.template.settings.seeds.draw());
            Box::new(Session::new(self.copy.deadline(), random))
        });
        if event::tells_attempts() {
            let tried = Tried::new(outcome.class, session.tries, result.as_ref().ok());
            event::attempt(&tried, elapsed, outcome.wait);
        }
        let ended = session.record(&mut result, &outcome, elapsed);
        if !ended.unsent {
            self.meters().tried(outcome.class);
        }
        if outcome.class == Class::Success {
            return Step::Finish(session.finish(result, None));
        }

        let tried = Tried::new(outcome.class, session.tries, result.as_ref().ok());
        let veto = match self.verdict(&mut session, &mut outcome, tried.status, noted, now) {
            Ok(next) => {
                let delay = next.delay;
                event::retrying(&tried, delay, next.repaired);
                self.meters().retrying(outcome.class, delay);
                session.schedule(next);
                session.keep(result, &outcome);
                self.session = Some(session);
                return Step::Wait(delay);
            }
            Err(veto) => veto,
        };
        if ended.unsent && session.tries > 1 {
            let veto = veto.unwrap_or_else(not_sent);
            self.meters().gave_up(session.last_class(), veto.reason());
            return Step::Finish(session.give_back(result, veto));
        }
        if let Some(veto) = &veto
            && outcome.transient
            && !ended.nested
        {
            event::giving_up(&tried, veto);
            self.meters().gave_up(outcome.class, veto.reason());
        }
        Step::Finish(session.finish(result, veto))
    }

    /// The service is not ready for the next try.
    pub(crate) fn unready(&mut self, error: BoxError) -> Answer<RB> {
        let veto = Failure::find(&*error).and_then(|failure| failure.outcome().veto.clone());
        self.give_back(Some(error), veto.unwrap_or_else(not_sent))
    }

    /// The next try is not sent.
    pub(crate) fn give_back(&mut self, instead: Option<BoxError>, veto: Veto) -> Answer<RB> {
        let instead = instead.unwrap_or_else(|| Box::new(NotSent::new()));
        match self.session.take() {
            Some(session) => {
                self.meters().gave_up(session.last_class(), veto.reason());
                session.give_back(Err(instead), veto)
            }
            None => Err(instead),
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn not_sent() -> Veto {
    Veto::new(VetoReason::NotSent)
}
