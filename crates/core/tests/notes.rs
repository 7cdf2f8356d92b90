//! How notes are read, amended and found.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use http::Response;
use tower_steady_core::{
    AttemptReport, BoxError, Class, Failure, Gate, Grant, Outcome, Report, Veto, VetoReason,
};

type Answer = Result<Response<()>, BoxError>;

fn answer(status: u16) -> Answer {
    Ok(Response::builder().status(status).body(()).unwrap())
}

/// A layer of a user's that wraps errors in its own.
#[derive(Debug)]
struct Wrapped(BoxError);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrapped")
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

#[test]
fn no_note_means_status_alone() {
    for (status, class, transient) in [
        (200, Class::Success, false),
        (302, Class::Success, false),
        (400, Class::InvalidRequest, false),
        (401, Class::Auth, false),
        (402, Class::QuotaExhausted, false),
        (403, Class::Permission, false),
        (404, Class::NotFound, false),
        (408, Class::Timeout, true),
        (409, Class::Conflict, true),
        (413, Class::TooLarge, false),
        (422, Class::InvalidRequest, false),
        (425, Class::Conflict, true),
        (429, Class::RateLimited, true),
        (500, Class::ServerError, true),
        (501, Class::Unknown, false),
        (502, Class::ServerError, true),
        (503, Class::Overloaded, true),
        (504, Class::Timeout, true),
        (505, Class::Unknown, false),
        (407, Class::Auth, false),
        (511, Class::Auth, false),
        (525, Class::Transport, true),
        (526, Class::Unknown, false),
        (529, Class::Overloaded, true),
        (700, Class::Unknown, false),
    ] {
        let outcome = Outcome::read(&answer(status));
        assert_eq!(
            (outcome.class, outcome.transient),
            (class, transient),
            "{status}"
        );
    }
}

#[test]
fn an_error_without_a_note_is_a_transport_failure() {
    let result: Answer = Err(io::Error::other("reset").into());
    assert!(Outcome::note(&result).is_none());
    assert_eq!(Outcome::read(&result).class, Class::Transport);
    assert_eq!(Outcome::class_of(&result), Class::Transport);
}

#[test]
fn amending_an_error_keeps_the_original_by_source_and_by_value() {
    let mut result: Answer = Err(io::Error::from(io::ErrorKind::TimedOut).into());
    Outcome::amend(&mut result, |outcome| outcome.class = Class::Timeout);
    Outcome::amend(&mut result, |outcome| {
        outcome.wait_at_least(Duration::from_secs(1))
    });

    let failure = result.unwrap_err().downcast::<Failure>().unwrap();
    assert_eq!(failure.outcome().class, Class::Timeout);
    assert_eq!(failure.outcome().wait, Some(Duration::from_secs(1)));
    assert!(failure.source().unwrap().is::<io::Error>(), "one wrapper");
    let source = failure.downcast_source::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn the_outermost_failure_wins_and_inherits() {
    let mut inner: Answer = Err(io::Error::other("reset").into());
    let mut report = Report::default();
    report.attempts.push(AttemptReport::new(Class::Transport));
    report.leave(&mut inner);
    Outcome::amend(&mut inner, |outcome| outcome.sent = false);

    let mut outer: Answer = Err(Wrapped(inner.unwrap_err()).into());
    assert!(!Outcome::read(&outer).sent, "found through the wrapper");
    Outcome::amend(&mut outer, |outcome| {
        outcome.forbid(Veto::new(VetoReason::Attempts));
    });
    let outcome = Outcome::read(&outer);
    assert!(!outcome.sent && outcome.veto.is_some());
    assert_eq!(Report::of(&outer).map(Report::sends), Some(1));
}

#[test]
fn a_ring_of_sources_ends() {
    #[derive(Debug)]
    struct Ring;
    impl fmt::Display for Ring {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("ring")
        }
    }
    impl Error for Ring {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }
    assert!(Failure::find(&Ring).is_none());
}

#[test]
fn the_first_veto_stays_and_waits_merge_by_max() {
    let mut outcome = Outcome::new(Class::RateLimited);
    outcome.wait_at_least(Duration::from_secs(3));
    outcome.wait_at_least(Duration::from_secs(1));
    assert_eq!(outcome.wait, Some(Duration::from_secs(3)));
    outcome.forbid(Veto::new(VetoReason::CircuitOpen));
    outcome.forbid(Veto::new(VetoReason::Attempts));
    assert_eq!(
        outcome.veto.map(|veto| veto.reason()),
        Some(VetoReason::CircuitOpen)
    );
}

#[derive(Debug)]
struct Tokens(AtomicI64);

impl Gate for Tokens {
    fn take(&self, _: Instant) -> Result<(), Veto> {
        if self.0.load(Ordering::Relaxed) == 0 {
            return Err(Veto::new(VetoReason::Budget));
        }
        self.0.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    fn give_back(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_grant_gives_itself_back_unless_spent() {
    let gate = Arc::new(Tokens(AtomicI64::new(2)));
    drop(Grant::ask(gate.clone(), Instant::now()).unwrap());
    assert_eq!(gate.0.load(Ordering::Relaxed), 2);
    Grant::ask(gate.clone(), Instant::now()).unwrap().spend();
    assert_eq!(gate.0.load(Ordering::Relaxed), 1);
}

#[test]
fn two_gates_grant_together_or_not_at_all() {
    let (rich, poor) = (
        Arc::new(Tokens(AtomicI64::new(5))),
        Arc::new(Tokens(AtomicI64::new(1))),
    );
    let mut outcome = Outcome::new(Class::ServerError);
    outcome.add_gate(rich.clone());
    outcome.add_gate(poor.clone());
    let gate = outcome.take_gate().unwrap();
    Grant::ask(Arc::clone(&gate), Instant::now())
        .unwrap()
        .spend();
    assert_eq!(
        Grant::ask(gate, Instant::now()).unwrap_err().reason(),
        VetoReason::Budget,
        "the poor one refuses"
    );
    assert_eq!(
        rich.0.load(Ordering::Relaxed),
        4,
        "and the rich one is refunded"
    );
}
