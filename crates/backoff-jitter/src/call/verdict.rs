//! Whether there is a next try, and what it is.

use std::ptr;

use http::{Request, Response, StatusCode};
use tokio::time::Instant;
use tower_steady_core::{
    Attempt, AttemptReport, Class, Grant, Held, Outcome, TryClone, Veto, VetoReason,
};

use super::Call;
use crate::Repair;
use crate::copy::Copy;
use crate::decision::{self, Facts, Pause};
use crate::service;
use crate::session::{Granted, Next, Session};

impl<S, B, RB, R> Call<S, B, Response<RB>, R>
where
    B: TryClone,
    R: Repair<B>,
{
    /// The next try, or why there is none: without a veto where the result is final by its class.
    pub(super) fn verdict(
        &mut self,
        session: &mut Session<Response<RB>, B>,
        outcome: &mut Outcome,
        status: Option<StatusCode>,
        noted: bool,
        now: Instant,
    ) -> Result<Next<B>, Option<Veto>> {
        if let Some(veto) = &outcome.veto {
            return Err(Some(veto.clone()));
        }
        let wanted = self.template.settings.options.repairs(outcome.class);
        if wanted
            && !session.repair.asked
            // What stands in its way stands in the way of the same request just as well.
            && let Some(repaired) = self.repair(session, outcome, now).map_err(Some)?
        {
            return Ok(repaired);
        }
        if !outcome.transient {
            return Err(None);
        }
        self.retry(session, outcome, status, noted, now)
            .map_err(Some)
    }

    /// The same request again.
    fn retry(
        &mut self,
        session: &mut Session<Response<RB>, B>,
        outcome: &mut Outcome,
        status: Option<StatusCode>,
        noted: bool,
        now: Instant,
    ) -> Result<Next<B>, Veto> {
        let request = self.restore(session)?;
        let settings = &self.template.settings;
        let plan = settings.plans.of(outcome.class, status);
        let same_plan =
            |try_: &&AttemptReport| ptr::eq(settings.plans.of(try_.class, try_.status), plan);
        // A try that was rejected here is not in the report, and still failed.
        let failures = session.attempts().iter().filter(same_plan).count().max(1);
        let mut facts = self.facts(session, outcome, now);
        facts.failures = u32::try_from(failures).unwrap_or(u32::MAX);
        let pause = decision::decide(plan, &settings.limits, &facts)?;
        let grant = ask(outcome, now)?;
        // No gate: none stood in the way. No note: that is not known, for notes can get lost.
        let paid = grant.is_some() || noted;
        let (pass, after) = (Pass { grant, paid }, outcome.class);
        Ok(self.prepare(session, request, pause, pass, false, after))
    }

    /// A changed request, if the hook makes one. A veto: it may not be sent.
    fn repair(
        &mut self,
        session: &mut Session<Response<RB>, B>,
        outcome: &mut Outcome,
        now: Instant,
    ) -> Result<Option<Next<B>>, Veto> {
        let settings = &self.template.settings;
        let plan = settings.plans.of(outcome.class, None);
        let facts = self.facts(session, outcome, now);
        let pause = decision::decide_repair(plan, &settings.limits, &facts)?;
        let request = self.restore(session)?;
        session.repair.asked = true;
        let Some(mut request) = settings.repair.repair(outcome, request) else {
            return Ok(None);
        };
        if let Some(name) = &settings.options.idempotency_key
            && self.keyed
        {
            // Another request, and so another key.
            request.headers_mut().remove(name);
            service::add_key(request.headers_mut(), name);
        }
        let grant = ask(outcome, now)?;
        // A final failure comes without a gate, and a repaired request costs what any other does: a
        // budget below is left to charge it.
        let paid = grant.is_some();
        self.copy = Copy::of(&request, self.limit.saturating_sub(session.tries));
        let (pass, after) = (Pass { grant, paid }, outcome.class);
        let next = self.prepare(session, request, pause, pass, true, after);
        Ok(Some(next))
    }

    /// The request again, if it may be repeated and can be.
    fn restore(&self, session: &Session<Response<RB>, B>) -> Result<Request<B>, Veto> {
        let refused = || Veto::new(VetoReason::NotIdempotent);
        if self.copy.is_last() {
            return Err(decision::attempts(session.tries));
        }
        if session.sent && self.copy.is_non_idempotent() {
            return Err(refused());
        }
        let request = self
            .copy
            .restore()
            .ok_or_else(|| Veto::new(VetoReason::NotReplayable))?;
        if !session.sent {
            return Ok(request);
        }
        let (head, body) = request.into_parts();
        if self.template.settings.options.is_non_idempotent(&head) {
            return Err(refused());
        }
        Ok(Request::from_parts(head, body))
    }

    fn facts(&self, session: &Session<Response<RB>, B>, outcome: &Outcome, now: Instant) -> Facts {
        let sends = u32::try_from(session.attempts().len()).unwrap_or(u32::MAX);
        Facts {
            wait: outcome.wait,
            failures: 1,
            // The tries of a retry layer below count as well.
            tries: session.tries.max(sends),
            max_attempts: self.limit,
            left: session
                .deadline
                .map(|deadline| deadline.remaining(now.into_std())),
            previous: session.previous,
            random: session.random.draw(),
        }
    }

    fn prepare(
        &mut self,
        session: &Session<Response<RB>, B>,
        mut request: Request<B>,
        pause: Pause,
        pass: Pass,
        repaired: bool,
        after: Class,
    ) -> Next<B> {
        let number = session.tries.saturating_add(1);
        if number >= self.limit {
            self.copy = Copy::Last;
        }
        request
            .extensions_mut()
            .insert(Attempt::new(number, pass.paid).after(after));
        // That of another try is not this one's.
        request.extensions_mut().remove::<Held>();
        let grant = pass.grant.map(|grant| {
            let held = Held::new();
            request.extensions_mut().insert(held.clone());
            Granted { grant, held }
        });
        if let Some(name) = &self.template.settings.options.attempt_header {
            service::number(&mut request, name, number);
        }
        Next {
            request,
            delay: pause.delay,
            backoff: pause.backoff,
            grant,
            repaired,
        }
    }
}

/// What a next try has from the gate.
struct Pass {
    grant: Option<Grant>,
    paid: bool,
}

/// What the gates grant, if there are any.
fn ask(outcome: &mut Outcome, now: Instant) -> Result<Option<Grant>, Veto> {
    let gate = outcome.take_gate();
    gate.map(|gate| Grant::ask(gate, now.into_std()))
        .transpose()
}
