//! The timers of an attempt, up to its head.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_steady_core::{Attempt, BoxError, Class, Deadline, Outcome};
use tower_steady_deadline::{AttemptTimeoutLayer, DeadlineLayer, Timer};

use super::{limits, request, secs, timer};

#[tokio::test(start_paused = true)]
async fn a_hanging_head_fails_by_the_timer_that_runs_out_first() {
    type Limits = (Option<u64>, Option<u64>, Option<u64>, Option<u64>);
    // (headers, first output, idle, deadline) → (timer, seconds)
    let table: [(Limits, Timer, u64); 6] = [
        ((Some(4), None, None, None), Timer::Headers, 4),
        ((Some(4), Some(9), Some(1), Some(10)), Timer::Headers, 4),
        ((None, Some(9), Some(1), Some(10)), Timer::FirstOutput, 9),
        ((Some(4), Some(9), None, Some(2)), Timer::Deadline, 2),
        ((Some(4), None, None, Some(4)), Timer::Deadline, 4),
        ((None, None, Some(1), Some(3)), Timer::Deadline, 3),
    ];
    for ((headers, first_output, idle, deadline), expected, at) in table {
        let layer = AttemptTimeoutLayer::builder()
            .headers(headers.map(secs))
            .first_output(first_output.map(secs))
            .idle(idle.map(secs))
            .build()
            .unwrap();
        let dropped = Arc::new(());
        let service = layer.layer(service_fn(|_: Request<()>| {
            let held = Arc::clone(&dropped);
            async move {
                let _held = held;
                pending::<Result<Response<String>, BoxError>>().await
            }
        }));
        let start = Instant::now();
        let mut call = Box::pin(service.oneshot(request(deadline)));
        let error = call.as_mut().await.unwrap_err();
        assert_eq!(timer(&error), expected);
        assert_eq!(start.elapsed(), secs(at), "{expected}");
        assert_eq!(
            Arc::strong_count(&dropped),
            1,
            "the connection is given back at once"
        );
    }
}

/// What stands in for a breaker here: counts failures, and calls that are dropped undecided.
#[derive(Clone, Default)]
struct Verdicts {
    failures: Arc<AtomicUsize>,
    cancelled: Arc<AtomicUsize>,
}

struct Permit {
    verdicts: Verdicts,
    failed: bool,
}

impl Permit {
    fn settle(&mut self, class: Class) {
        self.failed = class.is_provider_fault();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let counter = if self.failed {
            &self.verdicts.failures
        } else {
            &self.verdicts.cancelled
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Verdicts {
    fn watch<S, B>(
        &self,
        inner: S,
    ) -> impl Service<
        Request<()>,
        Response = Response<B>,
        Error = BoxError,
        Future: Future<Output = Result<Response<B>, BoxError>>,
    > + Clone
    where
        S: Service<Request<()>, Response = Response<B>, Error = BoxError> + Clone,
    {
        let verdicts = self.clone();
        service_fn(move |request| {
            let mut permit = Permit {
                verdicts: verdicts.clone(),
                failed: false,
            };
            let call = inner.clone().oneshot(request);
            async move {
                let result = call.await;
                permit.settle(Outcome::class_of(&result));
                result
            }
        })
    }

    fn counts(&self) -> (usize, usize) {
        let load = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        (load(&self.failures), load(&self.cancelled))
    }
}

fn hangs(
    sends: &Arc<AtomicUsize>,
) -> impl Service<
    Request<()>,
    Response = Response<String>,
    Error = BoxError,
    Future: Future<Output = Result<Response<String>, BoxError>>,
> + Clone {
    let sends = Arc::clone(sends);
    service_fn(move |_: Request<()>| {
        sends.fetch_add(1, Ordering::Relaxed);
        pending()
    })
}

#[tokio::test(start_paused = true)]
async fn ten_seconds_with_four_an_attempt_are_three_attempts_three_failures_none_cancelled() {
    let sends = Arc::new(AtomicUsize::new(0));
    let verdicts = Verdicts::default();
    let attempt = verdicts.watch(
        limits()
            .headers(secs(4))
            .build()
            .unwrap()
            .layer(hangs(&sends)),
    );
    let seen = Arc::new(Mutex::new(Vec::new()));
    let retries = service_fn({
        let seen = Arc::clone(&seen);
        move |request: Request<()>| {
            let (attempt, seen) = (attempt.clone(), Arc::clone(&seen));
            async move {
                let deadline = Deadline::of(request.extensions()).unwrap();
                for number in 1.. {
                    let mut request = request.clone();
                    request.extensions_mut().insert(Attempt::new(number, true));
                    let result = attempt.clone().oneshot(request).await;
                    let error = result.as_ref().unwrap_err();
                    seen.lock().unwrap().push(timer(error));
                    if deadline.remaining(Instant::now().into_std()).is_zero() {
                        return result;
                    }
                }
                unreachable!()
            }
        }
    });
    let service = DeadlineLayer::builder()
        .timeout(secs(10))
        .build()
        .unwrap()
        .layer(retries);

    let start = Instant::now();
    let error = service.oneshot(Request::new(())).await.unwrap_err();
    assert_eq!(start.elapsed(), secs(10));
    assert_eq!(
        timer(&error),
        Timer::Deadline,
        "the last attempt's own word, not the backstop's"
    );
    assert_eq!(sends.load(Ordering::Relaxed), 3);
    assert_eq!(verdicts.counts(), (3, 0));
    let expected = [Timer::Headers, Timer::Headers, Timer::Deadline];
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// The same with the deadline alone, for comparison: nobody learns anything.
#[tokio::test(start_paused = true)]
async fn a_single_timer_around_everything_would_only_cancel() {
    let sends = Arc::new(AtomicUsize::new(0));
    let verdicts = Verdicts::default();
    let service = DeadlineLayer::builder()
        .timeout(secs(10))
        .build()
        .unwrap()
        .layer(verdicts.watch(hangs(&sends)));
    service.oneshot(Request::new(())).await.unwrap_err();
    assert_eq!(verdicts.counts(), (0, 1));
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let build = AttemptTimeoutLayer::builder;
    let refused = [
        (build().headers(Duration::ZERO), "headers"),
        (build().first_output(Duration::ZERO), "first_output"),
        (build().idle(Duration::ZERO), "idle"),
        // Above the default for the first output, and so without effect.
        (build().headers(secs(601)), "headers"),
        (build().first_output(secs(3)).headers(secs(4)), "headers"),
    ];
    for (builder, field) in refused {
        assert_eq!(builder.build().unwrap_err().field(), field);
    }
    let fine = [
        build(),
        build().first_output(None).headers(Duration::MAX),
        build().first_output(secs(4)).headers(secs(4)),
        build().idle(Duration::MAX),
    ];
    for builder in fine {
        builder.build().unwrap();
    }
}
