//! The deadline of a call, from wherever it comes.

use std::future::pending;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderName, Request, Response};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_steady_core::{BoxError, Class, Deadline, Failure, Outcome, VetoReason};
use tower_steady_deadline::{
    AttemptTimeoutLayer, DeadlineElapsed, DeadlineLayer, TimeoutFormat, after,
};

const GRPC: &str = "grpc-timeout";
const SECONDS: &str = "x-timeout-seconds";
const MILLIS: &str = "x-timeout-ms";

fn name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What arrives below the layer.
async fn noted(layer: DeadlineLayer, request: Request<String>) -> Request<()> {
    let (tx, rx) = tokio::sync::oneshot::channel();
    let tx = Mutex::new(Some(tx));
    let service = layer.layer(service_fn(|request: Request<String>| {
        let _ = tx.lock().unwrap().take().unwrap().send(request.map(drop));
        async { Ok::<_, BoxError>(Response::new(())) }
    }));
    service.oneshot(request).await.unwrap();
    rx.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_earliest_of_layer_note_and_headers_is_noted() {
    type Headers = &'static [(&'static str, &'static str)];
    type Row = (Option<u64>, Option<u64>, Headers, Option<u64>);
    // (own timeout, noted by the caller, headers) → seconds left, milliseconds
    let table: [Row; 16] = [
        (None, None, &[], None),
        (Some(30), None, &[], Some(30_000)),
        (None, Some(20), &[], Some(20_000)),
        (Some(30), Some(20), &[], Some(20_000)),
        (Some(10), Some(20), &[], Some(10_000)),
        (None, None, &[(GRPC, "1500m")], Some(1500)),
        (Some(1), Some(2), &[(GRPC, "1500m")], Some(1000)),
        (Some(3), Some(2), &[(GRPC, "1500m")], Some(1500)),
        (None, None, &[(SECONDS, "2.5")], Some(2500)),
        (None, None, &[(MILLIS, "700"), (SECONDS, "2")], Some(700)),
        (None, None, &[(SECONDS, "9"), (SECONDS, "4")], Some(4000)),
        // What cannot be read is no deadline, and does not hide one that can.
        (None, None, &[(GRPC, "soon")], None),
        (None, None, &[(GRPC, "-5S")], None),
        (Some(9), None, &[(GRPC, "123456789S")], Some(9000)),
        (None, None, &[(GRPC, "inf"), (GRPC, "5S")], Some(5000)),
        (None, None, &[(SECONDS, "-1"), (MILLIS, "0x10")], None),
    ];
    for (own, caller, headers, expected) in table {
        let layer = DeadlineLayer::builder()
            .timeout(own.map(secs))
            .header(name(SECONDS), TimeoutFormat::Seconds)
            .header(name(MILLIS), TimeoutFormat::Millis)
            .build()
            .unwrap();
        let mut request = Request::new(String::new());
        if let Some(left) = caller {
            request.extensions_mut().insert(after(secs(left)));
        }
        for (header, value) in headers {
            request
                .headers_mut()
                .append(*header, value.parse().unwrap());
        }
        let seen = noted(layer, request).await;
        let left = Deadline::of(seen.extensions())
            .map(|deadline| deadline.remaining(Instant::now().into_std()));
        assert_eq!(
            left,
            expected.map(Duration::from_millis),
            "{own:?} {caller:?} {headers:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn by_default_only_the_caller_and_grpc_timeout_count_and_headers_can_be_ignored() {
    let request = || {
        Request::builder()
            .header(GRPC, "5S")
            .header(SECONDS, "1")
            .body(String::new())
            .unwrap()
    };
    let seen = noted(DeadlineLayer::new(), request()).await;
    assert_eq!(Deadline::of(seen.extensions()), Some(after(secs(5))));
    let deaf = DeadlineLayer::builder().ignore_headers().build().unwrap();
    let seen = noted(deaf, request()).await;
    assert_eq!(Deadline::of(seen.extensions()), None);
}

#[tokio::test(start_paused = true)]
async fn spans_too_long_for_the_clock_are_no_deadline_and_do_not_panic() {
    let layer = || {
        DeadlineLayer::builder()
            .timeout(Duration::MAX)
            .header(name(SECONDS), TimeoutFormat::Seconds)
    };
    let seen = noted(layer().build().unwrap(), Request::new(String::new())).await;
    assert_eq!(Deadline::of(seen.extensions()), None);

    // 68 years, where the hint grammar saturates, and 99,999,999 hours are both far away.
    for (header, value) in [(SECONDS, "99999999999999999999"), (GRPC, "99999999H")] {
        let request = Request::builder()
            .header(header, value)
            .body(String::new())
            .unwrap();
        let hangs = service_fn(|_: Request<String>| pending::<Result<Response<()>, BoxError>>());
        let call = layer().build().unwrap().layer(hangs).oneshot(request);
        let waited = tokio::time::timeout(secs(365 * 24 * 3600), call).await;
        assert!(waited.is_err(), "{value}");
    }
    assert!(after(Duration::MAX) > after(secs(365 * 24 * 3600)));
}

/// Counts calls, and those dropped before they were done.
#[derive(Clone, Default)]
struct Counts {
    calls: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

struct OnDrop(Arc<AtomicUsize>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counts {
    fn hang(
        &self,
    ) -> impl Service<
        Request<String>,
        Response = Response<()>,
        Error = BoxError,
        Future: Future<Output = Result<Response<()>, BoxError>>,
    > + Clone {
        let counts = self.clone();
        service_fn(move |_: Request<String>| {
            counts.calls.fetch_add(1, Ordering::Relaxed);
            let guard = OnDrop(Arc::clone(&counts.dropped));
            async move {
                let _guard = guard;
                pending().await
            }
        })
    }
}

fn failure(error: &BoxError) -> (&Outcome, Option<&DeadlineElapsed>) {
    let failure = Failure::find(&**error).expect("a failure");
    (failure.outcome(), failure.find_source())
}

#[tokio::test(start_paused = true)]
async fn what_does_not_heed_the_note_is_dropped_at_the_deadline() {
    let counts = Counts::default();
    let layer = DeadlineLayer::builder().timeout(secs(10)).build().unwrap();
    let mut service = layer.layer(counts.hang());
    let start = Instant::now();
    let mut call = Box::pin(service.ready().await.unwrap().call(Request::new("".into())));
    let error = call.as_mut().await.unwrap_err();
    assert_eq!(start.elapsed(), secs(10));
    // At once, although the future is still held.
    assert_eq!(counts.dropped.load(Ordering::Relaxed), 1);

    let (outcome, source) = failure(&error);
    assert_eq!(outcome.class, Class::Timeout);
    assert_eq!(
        outcome.veto.as_ref().unwrap().reason(),
        VetoReason::Deadline
    );
    assert!(outcome.sent && !outcome.may_retry());
    assert!(source.unwrap().sent());
    assert_eq!(
        source.unwrap().to_string(),
        "the deadline of the call has passed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_too_late_is_not_sent() {
    let late: [fn(&mut Request<String>); 3] = [
        |request| {
            request
                .extensions_mut()
                .insert(Deadline::at(Instant::now().into_std() - secs(1)));
        },
        |request| {
            request.extensions_mut().insert(after(Duration::ZERO));
        },
        |request| {
            request
                .headers_mut()
                .insert("grpc-timeout", "0n".parse().unwrap());
        },
    ];
    for make in late {
        let counts = Counts::default();
        let mut request = Request::new(String::new());
        make(&mut request);
        let error = DeadlineLayer::new()
            .layer(counts.hang())
            .oneshot(request)
            .await
            .unwrap_err();
        assert_eq!(counts.calls.load(Ordering::Relaxed), 0);
        let (outcome, source) = failure(&error);
        assert_eq!(outcome.class, Class::Rejected);
        assert_eq!(
            outcome.veto.as_ref().unwrap().reason(),
            VetoReason::Deadline
        );
        assert!(!outcome.sent && !source.unwrap().sent());
    }

    // An attempt inside the breaker likewise: nothing was sent that could be held against anybody.
    let counts = Counts::default();
    let service = AttemptTimeoutLayer::new().layer(service_fn({
        let hang = counts.hang();
        move |request| {
            let call = hang.clone().oneshot(request);
            async { Ok::<_, BoxError>(call.await?.map(|()| String::new())) }
        }
    }));
    let mut request = Request::new(String::new());
    late[1](&mut request);
    let error = service.oneshot(request).await.unwrap_err();
    assert_eq!(counts.calls.load(Ordering::Relaxed), 0);
    assert_eq!(failure(&error).0.class, Class::Rejected);
}

#[tokio::test(start_paused = true)]
async fn an_answer_at_the_very_deadline_still_counts() {
    let layer = DeadlineLayer::builder().timeout(secs(10)).build().unwrap();
    let service = layer.layer(service_fn(|_: Request<String>| async {
        tokio::time::sleep(secs(10)).await;
        Ok::<_, BoxError>(Response::new(()))
    }));
    service.oneshot(Request::new(String::new())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn errors_from_below_pass_as_they_are() {
    let layer = DeadlineLayer::builder().timeout(secs(10)).build().unwrap();
    let service = layer.layer(service_fn(|_: Request<String>| async {
        Err::<Response<()>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
    }));
    let error = service
        .oneshot(Request::new(String::new()))
        .await
        .unwrap_err();
    assert!(error.is::<std::io::Error>());
}

#[tokio::test(start_paused = true)]
async fn the_time_left_is_sent_on_and_every_attempt_has_less_of_it() {
    let table = [
        (TimeoutFormat::Grpc, ["10000000u", "6000000u", "2000000u"]),
        (TimeoutFormat::Seconds, ["10", "6", "2"]),
        (TimeoutFormat::Millis, ["10000", "6000", "2000"]),
    ];
    for (format, expected) in table {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let provider = service_fn({
            let sent = Arc::clone(&sent);
            move |request: Request<String>| {
                let values = request.headers().get_all("x-left").iter();
                let values: Vec<_> = values.map(|v| v.to_str().unwrap().to_owned()).collect();
                sent.lock().unwrap().push(values.join(","));
                pending::<Result<Response<String>, BoxError>>()
            }
        });
        let attempts = AttemptTimeoutLayer::builder()
            .headers(secs(4))
            .build()
            .unwrap()
            .layer(provider);
        let service = ServiceBuilder::new()
            .layer(
                DeadlineLayer::builder()
                    .timeout(secs(10))
                    .forward(name("x-left"), format)
                    .build()
                    .unwrap(),
            )
            .service(service_fn(|request: Request<String>| {
                let attempts = attempts.clone();
                async move {
                    // A retry loop that repeats the head as it came to it.
                    loop {
                        let deadline = Deadline::of(request.extensions()).unwrap();
                        let result = attempts.clone().oneshot(request.clone()).await;
                        if deadline.remaining(Instant::now().into_std()).is_zero() {
                            return result;
                        }
                    }
                }
            }));
        // One that is there already, stale or forged, is replaced.
        let request = Request::builder().header("x-left", "99999");
        let request = request.body(String::new()).unwrap();
        service.oneshot(request).await.unwrap_err();
        assert_eq!(*sent.lock().unwrap(), expected, "{format:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_nothing_is_sent_on() {
    let layer = DeadlineLayer::builder()
        .forward(name(GRPC), TimeoutFormat::Grpc)
        .build()
        .unwrap();
    let seen = noted(layer, Request::new(String::new())).await;
    assert!(seen.headers().is_empty());
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let refused = [
        DeadlineLayer::builder().timeout(Duration::ZERO).build(),
        DeadlineLayer::builder()
            .forward(name("host"), TimeoutFormat::Seconds)
            .build(),
    ];
    let fields = refused.map(|result| result.unwrap_err().field());
    assert_eq!(fields, ["timeout", "forward"]);
}
