use std::mem;
use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};

use crate::gate::Both;
use crate::{BoxError, Class, Failure, Gate, Veto};

/// What is known about the end of one try, or of a whole call.
///
/// On the way up each layer adds what it knows: classify sets `class`, `transient`, `sent`, `whole`
/// and a `wait` found in the body; retry-after merges the waits found in headers; circuit-breaker and
/// pause may veto; retry-budget leaves its gate. Only the retry layer decides.
///
/// A successful first try with a whole response carries none, so the happy path allocates nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// What happened.
    pub class: Class,
    /// Is another try worth it? Mostly [`Class::is_transient`]; the server may overrule.
    pub transient: bool,
    /// The server's word: not before this long, counted from the arrival of the response.
    pub wait: Option<Duration>,
    /// Can the provider have processed the request? For requests that must not be repeated.
    pub sent: bool,
    /// Was the error body read to its end? Then the answer can be kept without its connection.
    pub whole: bool,
    /// Did a caller's own limit end it, too early to tell anything of the provider? Then a breaker counts
    /// it as a call that was cancelled.
    pub impatient: bool,
    /// No further try, and why.
    pub veto: Option<Veto>,
    /// The name of the rule that decided the class, where one did.
    pub rule: Option<&'static str>,
    announced: bool,
    gate: Option<Arc<dyn Gate>>,
}

impl Outcome {
    /// An outcome of this class with nothing else known.
    #[must_use]
    pub const fn new(class: Class) -> Self {
        Self {
            class,
            transient: class.is_transient(),
            wait: None,
            sent: !matches!(class, Class::Rejected),
            whole: false,
            impatient: false,
            veto: None,
            rule: None,
            announced: false,
            gate: None,
        }
    }

    /// The outcome of a response of which only the status is known.
    #[must_use]
    pub const fn from_status(status: StatusCode) -> Self {
        Self::new(Class::from_status(status))
    }

    /// The outcome of a request that a layer here refused before it was sent.
    #[must_use]
    pub fn rejected(veto: Veto) -> Self {
        Self {
            veto: Some(veto),
            ..Self::new(Class::Rejected)
        }
    }

    /// Whether a retry layer may try again, as far as anybody has said.
    #[must_use]
    pub const fn may_retry(&self) -> bool {
        self.transient && self.veto.is_none()
    }

    /// Merges a wait by max: whoever asked for the longer one is obeyed, and so both are.
    pub fn wait_at_least(&mut self, wait: Duration) {
        self.wait = self.wait.max(Some(wait));
    }

    /// Writes a veto. The first one stays: it is the reason why there was no further try.
    pub fn forbid(&mut self, veto: Veto) {
        self.veto.get_or_insert(veto);
    }

    /// Marks that an event of its own has told of this failure; false if one had before. So of several
    /// layers that know of a refused key only the first cries for help.
    pub fn announce(&mut self) -> bool {
        !mem::replace(&mut self.announced, true)
    }

    /// Leaves a gate to ask before a retry; where there is one already, both must grant.
    pub fn add_gate(&mut self, gate: Arc<dyn Gate>) {
        self.gate = Some(match self.gate.take() {
            Some(first) => Arc::new(Both(first, gate)),
            None => gate,
        });
    }

    /// Takes the gate off, to ask it or because the caller should not see it.
    pub fn take_gate(&mut self) -> Option<Arc<dyn Gate>> {
        self.gate.take()
    }

    /// The note that the layers below left on `result`, if any.
    #[must_use]
    pub fn note<B>(result: &Result<Response<B>, BoxError>) -> Option<&Self> {
        match result {
            Ok(response) => response.extensions().get(),
            Err(error) => Failure::find(&**error).map(Failure::outcome),
        }
    }

    /// The outcome of `result`: the note, else by status alone; any error without a note is a
    /// transport failure.
    #[must_use]
    pub fn read<B>(result: &Result<Response<B>, BoxError>) -> Self {
        match (Self::note(result), result) {
            (Some(outcome), _) => outcome.clone(),
            (None, Ok(response)) => Self::from_status(response.status()),
            (None, Err(_)) => Self::new(Class::Transport),
        }
    }

    /// The class of `result`, without cloning the note.
    #[must_use]
    #[inline]
    pub fn class_of<B>(result: &Result<Response<B>, BoxError>) -> Class {
        match result {
            Ok(response) => Self::class_of_response(response),
            Err(error) => {
                Failure::find(&**error).map_or(Class::Transport, |failure| failure.outcome().class)
            }
        }
    }

    /// The class of a response, by its note, else by its status.
    #[must_use]
    #[inline]
    pub fn class_of_response<B>(response: &Response<B>) -> Class {
        let note = response.extensions().get::<Self>();
        note.map_or_else(
            || Class::from_status(response.status()),
            |outcome| outcome.class,
        )
    }

    /// Changes the outcome of `result` in place, first deriving it as [`Outcome::read`] does where
    /// there is no note. On the error side the change stands in a [`Failure`] that is outermost.
    pub fn amend<B>(result: &mut Result<Response<B>, BoxError>, change: impl FnOnce(&mut Self)) {
        match result {
            Ok(response) => Self::amend_response(response, change),
            Err(error) => change(Failure::outermost(error).outcome_mut()),
        }
    }

    /// [`Outcome::amend`] for a response at hand.
    pub fn amend_response<B>(response: &mut Response<B>, change: impl FnOnce(&mut Self)) {
        let status = response.status();
        let outcome = response.extensions_mut();
        change(outcome.get_or_insert_with(|| Self::from_status(status)));
    }
}
