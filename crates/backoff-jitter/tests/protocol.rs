//! The gate, the kept answer and the body's life across a wait.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_steady_backoff_jitter::{Jitter, NonIdempotent, NotSent, Retry, RetryLayer};
use tower_steady_core::{
    Attempt, BoxError, Class, Deadline, Failure, Outcome, Report, TryClone, Veto, VetoReason,
};

use self::common::*;

const SECOND: Duration = Duration::from_secs(1);

fn stack(provider: &Provider) -> Retry<Cloning> {
    ServiceBuilder::new()
        .layer(RetryLayer::builder().jitter(Jitter::None).build().unwrap())
        .service(service(provider))
}

#[tokio::test(start_paused = true)]
async fn three_attempts_take_two_tokens_and_the_caller_sees_no_gate() {
    let gate = Counter::new(10);
    let provider = Provider::script((0..3).map(|_| gated(&gate, whole(500))));
    let mut answer = call(stack(&provider), request()).await;

    assert_eq!((provider.sends(), gate.spent()), (3, 2));
    assert_eq!(gate.given_back.load(Ordering::SeqCst), 0);
    assert!(
        provider.seen()[1..]
            .iter()
            .all(|seen| seen.note.unwrap().paid)
    );
    Outcome::amend(&mut answer, |outcome| {
        assert!(outcome.take_gate().is_none())
    });
    // Neither on the answer nor in anything kept.
    assert_eq!(Arc::strong_count(&gate), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_refuses_has_the_last_word() {
    let gate = Counter::new(1);
    let provider = Provider::script((0..3).map(|_| gated(&gate, bare(500))));
    let start = Instant::now();
    let answer = call(stack(&provider), request()).await;
    // One wait and no second one.
    assert_eq!(start.elapsed(), SECOND);
    assert_eq!(provider.sends(), 2);
    assert_eq!(
        outcome(&answer).veto,
        Some(Veto::new(VetoReason::Budget).detail("none left"))
    );
    assert_eq!(answer.unwrap().status(), 500);
}

#[tokio::test(start_paused = true)]
async fn the_gate_is_not_asked_where_something_else_stands_in_the_way() {
    let vetoed: Play = noted(500, |outcome| outcome.forbid(Veto::new(VetoReason::Paused)));
    let soon = |request: &mut Request<Body>| {
        let soon = Deadline::at((Instant::now() + SECOND / 4).into_std());
        request.extensions_mut().insert(soon);
    };
    let marked = |request: &mut Request<Body>| {
        request.extensions_mut().insert(NonIdempotent);
    };
    type Prepare<'a> = &'a dyn Fn(&mut Request<Body>);
    let cases: [(Play, Prepare<'_>, Option<VetoReason>); 5] = [
        (vetoed, &|_| {}, Some(VetoReason::Paused)),
        (
            wait(429, 61 * SECOND),
            &|_| {},
            Some(VetoReason::WaitOverCap),
        ),
        (bare(500), &soon, Some(VetoReason::Deadline)),
        (bare(500), &marked, Some(VetoReason::NotIdempotent)),
        (bare(400), &|_| {}, None),
    ];
    for (play, prepare, reason) in cases {
        let gate = Counter::new(10);
        let provider = Provider::script([gated(&gate, play)]);
        let mut request = request();
        prepare(&mut request);
        let mut answer = call(stack(&provider), request).await;
        assert_eq!(veto(&answer), reason);
        assert_eq!(gate.taken.load(Ordering::SeqCst), 0, "{reason:?}");
        Outcome::amend(&mut answer, |outcome| {
            assert!(outcome.take_gate().is_none())
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_rejected_here_gives_the_kept_answer_and_the_grant_back() {
    let gate = Counter::new(10);
    let plays = [gated(&gate, whole(503)), rejected(VetoReason::CircuitOpen)];
    let provider = Provider::script(plays);
    let mut answer = call(stack(&provider), request()).await;

    assert_eq!((gate.taken.load(Ordering::SeqCst), gate.spent()), (1, 0));
    let expected = Veto::new(VetoReason::CircuitOpen).left(7 * SECOND);
    let outcome = outcome(&answer);
    assert_eq!(outcome.veto, Some(expected));
    assert_eq!(outcome.class, Class::Overloaded);
    assert!(outcome.sent);
    // The rejected try was not sent.
    assert_eq!(classes(&answer), ["overloaded"]);
    assert_eq!(report(&answer).total_wait, 2 * SECOND);
    assert!(report(&answer).last_head.is_none());
    let answer = answer.as_mut().unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(read(answer.body_mut()), "body of 503");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_could_not_be_kept_leaves_its_head_in_the_report() {
    let provider = Provider::script([bare(503), rejected(VetoReason::CircuitOpen)]);
    let answer = call(stack(&provider), request()).await;

    let head = report(&answer).last_head.as_ref().unwrap();
    assert_eq!(head.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(classes(&answer), ["overloaded"]);
    let outcome = outcome(&answer);
    assert_eq!(outcome.class, Class::Rejected);
    assert_eq!(
        outcome.veto.map(|veto| veto.reason()),
        Some(VetoReason::CircuitOpen)
    );
    // The call was sent, if not this try.
    assert!(outcome.sent);
    assert!(answer.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_head_of_the_last_answer_is_reported_where_that_answer_does_not_come_back() {
    let refused = || error(Class::Transport, false);
    type Case = (Vec<Play>, Option<u16>);
    let cases: [Case; 7] = [
        (vec![whole(503), bare(500), refused()], Some(500)),
        (
            vec![whole(503), bare(500), rejected(VetoReason::Paused)],
            Some(500),
        ),
        (vec![bare(503), refused()], Some(503)),
        (vec![bare(503), bare(500), refused()], Some(500)),
        (
            vec![bare(503), whole(500), rejected(VetoReason::Paused)],
            None,
        ),
        (vec![bare(503), whole(500), refused()], Some(500)),
        (vec![bare(503), bare(503), bare(503)], None),
    ];
    for (plays, status) in cases {
        let provider = Provider::script(plays.into_iter().chain((0..5).map(|_| refused())));
        let answer = call(stack(&provider), request()).await;
        let head = report(&answer).last_head.as_ref();
        assert_eq!(head.map(|head| head.status.as_u16()), status);
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_failures_the_providers_own_answer_is_kept() {
    type Case = (Vec<Play>, Result<u16, Class>);
    let refused = || error(Class::Transport, false);
    let cases: [Case; 6] = [
        (vec![refused()], Err(Class::Transport)),
        (vec![whole(503), refused()], Ok(503)),
        (vec![refused(), whole(503)], Ok(503)),
        (vec![whole(503), whole(500)], Ok(500)),
        (vec![whole(503), bare(500)], Ok(503)),
        (vec![refused(), bare(500)], Err(Class::Transport)),
    ];
    for (mut plays, expected) in cases {
        let sends = plays.len();
        plays.push(rejected(VetoReason::Paused));
        let provider = Provider::script(plays);
        let answer = call(stack(&provider), request()).await;
        assert_eq!(veto(&answer), Some(VetoReason::Paused));
        assert_eq!(report(&answer).sends(), sends);
        let got = match &answer {
            Ok(response) => Ok(response.status().as_u16()),
            Err(_) => Err(outcome(&answer).class),
        };
        assert_eq!(got, expected);
    }
}

/// tower's retry returns the readiness error in place of the answer.
#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_ready_for_the_retry_gives_answer_and_grant_back() {
    let broken = || BoxError::from("the connection pool is gone");
    let open = || {
        let veto = Veto::new(VetoReason::CircuitOpen);
        Failure::new(Outcome::rejected(veto), "open").into()
    };
    type Case = (fn(u16) -> Play, fn() -> BoxError, VetoReason, Option<u16>);
    let cases: [Case; 3] = [
        (whole, broken, VetoReason::NotSent, Some(503)),
        (whole, open, VetoReason::CircuitOpen, Some(503)),
        (bare, broken, VetoReason::NotSent, None),
    ];
    for (play, error, reason, status) in cases {
        let gate = Counter::new(10);
        let provider = Provider::script([gated(&gate, play(503))]).readiness([None, Some(error())]);
        let answer = call(stack(&provider), request()).await;
        assert_eq!((gate.taken.load(Ordering::SeqCst), gate.spent()), (1, 0));
        assert_eq!((provider.sends(), report(&answer).sends()), (1, 1));
        assert_eq!(veto(&answer), Some(reason));
        assert!(outcome(&answer).sent);
        assert_eq!(answer.as_ref().ok().map(|a| a.status().as_u16()), status);
        if let Err(error) = &answer {
            assert!(error.to_string().starts_with("call failed"), "{error}");
            assert!(report(&answer).last_head.is_some());
        }
    }
}

/// A service that is never ready again after its first call.
#[derive(Clone)]
struct Saturated(Cloning, bool);

impl Service<Request<Body>> for Saturated {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Try;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.1 {
            Poll::Pending
        } else {
            self.0.poll_ready(cx)
        }
    }

    fn call(&mut self, request: Request<Body>) -> Try {
        self.0.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_does_not_queue_past_the_deadline() {
    for (play, kept) in [(whole(503), true), (bare(503), false)] {
        let gate = Counter::new(10);
        let provider = Provider::script([gated(&gate, play)]);
        let template = Saturated(service(&provider), true);
        let layer = RetryLayer::builder().jitter(Jitter::None).build().unwrap();
        let mut retry = ServiceBuilder::new().layer(layer).service(template);
        retry.get_mut().1 = false;

        let start = Instant::now();
        let mut request = request();
        let deadline = Deadline::at((start + 10 * SECOND).into_std());
        request.extensions_mut().insert(deadline);
        let answer = call(retry, request).await;

        assert!(start.elapsed() < 10 * SECOND, "{:?}", start.elapsed());
        assert!(start.elapsed() > 9 * SECOND, "{:?}", start.elapsed());
        assert_eq!((provider.sends(), gate.spent()), (1, 0));
        assert_eq!(veto(&answer), Some(VetoReason::Deadline));
        assert_eq!(answer.is_ok(), kept);
        if let Err(error) = &answer {
            let failure = Failure::find(&**error).unwrap();
            assert!(failure.find_source::<NotSent>().is_some());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_is_given_back_asleep_and_spent_in_flight() {
    for (advance, spent) in [(SECOND / 2, 0), (SECOND + SECOND / 2, 1)] {
        let gate = Counter::new(10);
        let provider = Provider::script([gated(&gate, bare(500))]).takes(SECOND);
        let mut task = tokio_test::task::spawn(call(stack(&provider), request()));
        assert!(task.poll().is_pending());
        tokio::time::sleep(SECOND).await;
        assert!(task.poll().is_pending());
        assert_eq!(gate.taken.load(Ordering::SeqCst), 1);
        tokio::time::sleep(advance).await;
        assert!(task.poll().is_pending());
        drop(task);
        assert_eq!(gate.spent(), spent, "{advance:?}");
        assert_eq!(provider.in_flight(), 0);
    }
}

/// A task that is woken late (a busy runtime, a laptop that slept) sends no doomed try.
#[tokio::test(start_paused = true)]
async fn a_wake_up_past_the_deadline_sends_nothing() {
    for (late, sends) in [(3, 2), (20, 1)] {
        let gate = Counter::new(10);
        let provider = Provider::script([gated(&gate, whole(503))]);
        let mut request = request();
        let deadline = Deadline::at((Instant::now() + 10 * SECOND).into_std());
        request.extensions_mut().insert(deadline);
        let mut task = tokio_test::task::spawn(call(stack(&provider), request));
        assert!(task.poll().is_pending());
        tokio::time::advance(late * SECOND).await;
        let Poll::Ready(answer) = task.poll() else {
            panic!("pending");
        };
        assert_eq!((provider.sends(), gate.spent()), (sends, sends - 1));
        let expected = (sends == 1).then_some(VetoReason::Deadline);
        assert_eq!(veto(&answer), expected);
        assert_eq!(answer.unwrap().status() == 200, sends == 2);
    }
}

/// A body whose copies can be counted.
#[derive(Clone)]
struct Held(Arc<()>);

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_for_the_last_try() {
    for (limit, expected) in [(1, &[1][..]), (2, &[2, 1]), (3, &[2, 2, 1])] {
        let copies = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&copies);
        let fails = tower::service_fn(move |request: Request<Held>| {
            let count = Arc::strong_count(&request.body().0);
            seen.lock().unwrap().push(count);
            let answer = Response::builder().status(429).body(()).unwrap();
            std::future::ready(Ok::<_, BoxError>(answer))
        });
        let layer = RetryLayer::builder().max_attempts(limit).build().unwrap();
        let service = ServiceBuilder::new().layer(layer).service(fails);
        let _ = service.oneshot(Request::new(Held(Arc::new(())))).await;
        assert_eq!(*copies.lock().unwrap(), expected);
    }
}

/// A body that counts how many of it live.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(live))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// tower-resilience, reqwest-retry and linkerd hold the failed response, and so its connection,
/// across the sleep.
#[tokio::test(start_paused = true)]
async fn only_a_whole_answer_lives_through_the_wait() {
    for whole in [true, false] {
        let live = Arc::new(AtomicUsize::new(0));
        let bodies = Arc::clone(&live);
        let fails = tower::service_fn(move |_: Request<Body>| {
            let mut answer = Ok(Response::builder()
                .status(503)
                .body(Counted::new(&bodies))
                .unwrap());
            Outcome::amend(&mut answer, |outcome| outcome.whole = whole);
            std::future::ready(answer)
        });
        let service = ServiceBuilder::new()
            .layer(RetryLayer::new())
            .service(fails);
        let mut task = tokio_test::task::spawn(service.oneshot(request()));
        assert!(task.poll().is_pending());
        assert_eq!(live.load(Ordering::SeqCst), usize::from(whole));
        drop(task);
        assert_eq!(live.load(Ordering::SeqCst), 0);
    }
}

/// A body that can be sent so many times.
#[derive(Debug)]
struct Times(u32);

impl TryClone for Times {
    fn try_clone(&self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_sent_again_passes_once() {
    for times in [0, 1, 2] {
        let sends = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sends);
        let fails = tower::service_fn(move |_: Request<Times>| {
            count.fetch_add(1, Ordering::SeqCst);
            let answer = Response::builder().status(500).body(()).unwrap();
            std::future::ready(Ok::<_, BoxError>(answer))
        });
        let service = ServiceBuilder::new()
            .layer(RetryLayer::new())
            .service(fails);
        let answer = service.oneshot(Request::new(Times(times))).await;
        // One more copy is kept than sent.
        let expected = match times {
            0 | 1 => (1, VetoReason::NotReplayable),
            _ => (3, VetoReason::Attempts),
        };
        let veto = Outcome::note(&answer)
            .unwrap()
            .veto
            .as_ref()
            .unwrap()
            .reason();
        assert_eq!((sends.load(Ordering::SeqCst), veto), expected);
        assert_eq!(Report::of(&answer).unwrap().sends(), expected.0);
    }
}

/// A rejection that its layer calls transient (a local limit that says when) is tried again like
/// any other, and costs no grant.
#[tokio::test(start_paused = true)]
async fn a_transient_rejection_is_tried_again_and_its_grant_given_back() {
    let gate = Counter::new(10);
    let provider = Provider::script([gated(&gate, busy()), gated(&gate, busy())]);
    let answer = call(stack(&provider), request()).await;
    assert_eq!(classes(&answer), ["success"]);
    let paid = Attempt::new(3, true).after(Class::Rejected);
    assert_eq!(provider.seen()[2].note, Some(paid));
    assert_eq!((gate.taken.load(Ordering::SeqCst), gate.spent()), (2, 1));

    // And it ends, with a veto.
    let provider = Provider::script((0..20).map(|_| busy()));
    let answer = call(stack(&provider), request()).await;
    assert_eq!(provider.sends(), 5);
    assert_eq!(veto(&answer), Some(VetoReason::Attempts));
    assert_eq!(report(&answer).sends(), 0);
}
