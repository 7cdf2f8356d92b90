//! A service that plays a script, and records when it was called and with what.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod layers;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::time::{Instant, Sleep};
use tower::{Service, ServiceExt};
use tower_steady_core::{
    Attempt, BoxError, Class, Failure, Gate, Outcome, Report, Veto, VetoReason,
};

pub(crate) type Body = Full<Bytes>;
pub(crate) type Answer = Result<Response<Body>, BoxError>;

/// Makes the answer to one try.
pub(crate) type Play = Box<dyn FnOnce(&Request<Body>) -> Answer + Send>;

/// What a try was.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Duration,
    pub(crate) note: Option<Attempt>,
    pub(crate) head: Arc<http::request::Parts>,
    pub(crate) body: Bytes,
}

/// A provider that plays a script; past its end it answers 200.
#[derive(Clone)]
pub(crate) struct Provider {
    shared: Arc<Shared>,
    ready: bool,
}

struct Shared {
    start: Instant,
    script: Mutex<VecDeque<Play>>,
    seen: Mutex<Vec<Seen>>,
    /// Errors of `poll_ready`, one a retry: `None` is ready.
    readiness: Mutex<VecDeque<Option<BoxError>>>,
    takes: Mutex<Duration>,
    clones: AtomicUsize,
    futures: AtomicIsize,
}

impl Provider {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                start: Instant::now(),
                script: Mutex::default(),
                seen: Mutex::default(),
                readiness: Mutex::default(),
                takes: Mutex::default(),
                clones: AtomicUsize::new(0),
                futures: AtomicIsize::new(0),
            }),
            ready: false,
        }
    }

    pub(crate) fn script(plays: impl IntoIterator<Item = Play>) -> Self {
        let provider = Self::new();
        provider.shared.script.lock().unwrap().extend(plays);
        provider
    }

    /// Every try takes this long.
    pub(crate) fn takes(self, time: Duration) -> Self {
        *self.shared.takes.lock().unwrap() = time;
        self
    }

    /// How `poll_ready` ends, call by call.
    pub(crate) fn readiness(self, ready: impl IntoIterator<Item = Option<BoxError>>) -> Self {
        self.shared.readiness.lock().unwrap().extend(ready);
        self
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(crate) fn sends(&self) -> usize {
        self.shared.seen.lock().unwrap().len()
    }

    /// The waits between the tries' beginnings.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        let seen = self.seen();
        seen.windows(2)
            .map(|pair| pair[1].at - pair[0].at)
            .collect()
    }

    pub(crate) fn clones(&self) -> usize {
        self.shared.clones.load(Ordering::Relaxed)
    }

    pub(crate) fn reset_clones(&self) {
        self.shared.clones.store(0, Ordering::Relaxed);
    }

    /// Tries under way.
    pub(crate) fn in_flight(&self) -> isize {
        self.shared.futures.load(Ordering::Relaxed)
    }

    /// A clone that is not counted.
    pub(crate) fn handle(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ready: false,
        }
    }
}

/// A service's clone is not ready, whatever the original is.
pub(crate) fn service(provider: &Provider) -> Cloning {
    Cloning(provider.handle())
}

/// The provider as a service that counts its clones.
pub(crate) struct Cloning(Provider);

impl std::fmt::Debug for Cloning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cloning")
    }
}

impl Clone for Cloning {
    fn clone(&self) -> Self {
        self.0.shared.clones.fetch_add(1, Ordering::Relaxed);
        Self(self.0.handle())
    }
}

impl Service<Request<Body>> for Cloning {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Try;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.0.ready {
            return Poll::Ready(Ok(()));
        }
        if let Some(Some(error)) = self.0.shared.readiness.lock().unwrap().pop_front() {
            return Poll::Ready(Err(error));
        }
        self.0.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Try {
        assert!(self.0.ready, "called without being polled ready");
        self.0.ready = false;
        let shared = Arc::clone(&self.0.shared);
        let play = shared.script.lock().unwrap().pop_front();
        let answer = match play {
            Some(play) => play(&request),
            None => Ok(Response::new(Body::default())),
        };
        let note = request.extensions().get().copied();
        let (head, body) = request.into_parts();
        let mut body = body;
        let body = read(&mut body);
        shared.seen.lock().unwrap().push(Seen {
            at: shared.start.elapsed(),
            note,
            head: Arc::new(head),
            body,
        });
        shared.futures.fetch_add(1, Ordering::Relaxed);
        let takes = *shared.takes.lock().unwrap();
        let sleep = (!takes.is_zero()).then(|| Box::pin(tokio::time::sleep(takes)));
        Try {
            answer: Some(answer),
            sleep,
            shared,
        }
    }
}

/// The one chunk of a body.
pub(crate) fn read(body: &mut Body) -> Bytes {
    use http_body_util::BodyExt;
    let mut cx = Context::from_waker(std::task::Waker::noop());
    match Pin::new(&mut body.frame()).poll(&mut cx) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

/// A try under way.
pub(crate) struct Try {
    answer: Option<Answer>,
    sleep: Option<Pin<Box<Sleep>>>,
    shared: Arc<Shared>,
}

impl Future for Try {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        if let Some(sleep) = &mut self.sleep {
            std::task::ready!(sleep.as_mut().poll(cx));
        }
        Poll::Ready(self.answer.take().expect("polled after completion"))
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        self.shared.futures.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer of this status and no note.
pub(crate) fn bare(status: u16) -> Play {
    Box::new(move |_| {
        Ok(Response::builder()
            .status(status)
            .body(Body::from(format!("body of {status}")))
            .unwrap())
    })
}

/// An answer of this status with an outcome, changed.
pub(crate) fn noted(status: u16, change: impl FnOnce(&mut Outcome) + Send + 'static) -> Play {
    Box::new(move |request| {
        let mut answer = bare(status)(request);
        Outcome::amend(&mut answer, change);
        answer
    })
}

/// An answer that can be kept.
pub(crate) fn whole(status: u16) -> Play {
    noted(status, |outcome| outcome.whole = true)
}

/// An answer with the server's wait on it.
pub(crate) fn wait(status: u16, wait: Duration) -> Play {
    noted(status, move |outcome| {
        outcome.whole = true;
        outcome.wait = Some(wait);
    })
}

/// A failed try without a response.
pub(crate) fn error(class: Class, sent: bool) -> Play {
    Box::new(move |_| {
        let mut outcome = Outcome::new(class);
        outcome.sent = sent;
        Err(Failure::new(outcome, "a scripted failure").into())
    })
}

/// Rejected by a layer here.
pub(crate) fn rejected(reason: VetoReason) -> Play {
    Box::new(move |_| {
        let veto = Veto::new(reason).left(Duration::from_secs(7));
        Err(Failure::new(Outcome::rejected(veto), "a scripted rejection").into())
    })
}

/// Rejected by a layer here that says when to come back.
pub(crate) fn busy() -> Play {
    Box::new(|_| {
        let mut outcome = Outcome::new(Class::Rejected);
        outcome.transient = true;
        outcome.wait = Some(Duration::from_secs(1));
        Err(Failure::new(outcome, "busy here").into())
    })
}

/// A gate that counts.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) tokens: AtomicIsize,
    pub(crate) taken: AtomicUsize,
    pub(crate) given_back: AtomicUsize,
}

impl Counter {
    pub(crate) fn new(tokens: isize) -> Arc<Self> {
        Arc::new(Self {
            tokens: AtomicIsize::new(tokens),
            ..Self::default()
        })
    }

    /// Forgets what was taken.
    pub(crate) fn reset(&self) {
        self.taken.store(0, Ordering::SeqCst);
        self.given_back.store(0, Ordering::SeqCst);
    }

    pub(crate) fn spent(&self) -> usize {
        self.taken.load(Ordering::SeqCst) - self.given_back.load(Ordering::SeqCst)
    }
}

impl Gate for Counter {
    fn take(&self, _: std::time::Instant) -> Result<(), Veto> {
        if self.tokens.load(Ordering::SeqCst) == 0 {
            return Err(Veto::new(VetoReason::Budget).detail("none left"));
        }
        self.tokens.fetch_sub(1, Ordering::SeqCst);
        self.taken.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn give_back(&self) {
        self.tokens.fetch_add(1, Ordering::SeqCst);
        self.given_back.fetch_add(1, Ordering::SeqCst);
    }
}

/// The same answer with the gate on it.
pub(crate) fn gated(gate: &Arc<Counter>, play: Play) -> Play {
    let gate = Arc::clone(gate);
    Box::new(move |request| {
        let mut answer = play(request);
        Outcome::amend(&mut answer, |outcome| outcome.add_gate(gate));
        answer
    })
}

pub(crate) fn request() -> Request<Body> {
    Request::post("http://provider.test/v1/chat/completions")
        .body(Body::from("{}"))
        .unwrap()
}

/// One call.
pub(crate) async fn call<S>(service: S, request: Request<Body>) -> Answer
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    service.oneshot(request).await
}

pub(crate) fn outcome(answer: &Answer) -> Outcome {
    Outcome::note(answer).expect("an outcome").clone()
}

pub(crate) fn veto(answer: &Answer) -> Option<VetoReason> {
    Outcome::note(answer)?.veto.as_ref().map(Veto::reason)
}

pub(crate) fn report(answer: &Answer) -> &Report {
    Report::of(answer).expect("a report")
}

pub(crate) fn classes(answer: &Answer) -> Vec<&'static str> {
    report(answer)
        .attempts
        .iter()
        .map(|attempt| attempt.class.as_str())
        .collect()
}
