//! What falls back, to what, and what the caller is told.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, advance};
use tower::{Layer, Service, ServiceExt};
use tower_steady_core::{
    BoxError, Class, Deadline, Failure, Outcome, StreamOutcome, Veto, VetoReason,
};
use tower_steady_fallback::{
    Alternative, Degraded, FallbackLayer, Fixed, LastGood, NothingWorked, Queue, Queued, Receipt,
    Tried,
};

type Req = Request<Full<Bytes>>;
type Answer = Result<Response<Full<Bytes>>, BoxError>;

/// A provider that answers by a function and counts its calls.
fn provider(
    calls: &Arc<AtomicUsize>,
    answer: impl Fn(Req) -> Answer + Clone + Send + Sync + 'static,
) -> impl Service<Req, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ 'static {
    let calls = Arc::clone(calls);
    tower::service_fn(move |request| {
        calls.fetch_add(1, Ordering::Relaxed);
        let result = answer(request);
        async move { result }
    })
}

fn status(status: u16, body: &'static str) -> Answer {
    Ok(Response::builder()
        .status(status)
        .body(Full::from(body))
        .unwrap())
}

fn ask(question: &'static str) -> Req {
    Request::new(Full::from(question))
}

fn fixed() -> FallbackLayer<Fixed> {
    FallbackLayer::new(Fixed::new(Response::new(Bytes::from_static(b"sorry"))))
}

async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_the_requests_own_fault_does_not_fall_back() {
    for (code, falls_back) in [
        (200, false),
        (302, false),
        (400, false),
        (401, false),
        (402, true),
        (403, false),
        (404, false),
        (413, false),
        (422, false),
        (429, true),
        (500, true),
        (501, false),
        (503, true),
        (529, true),
    ] {
        let service = fixed().layer(provider(&Arc::default(), move |_| status(code, "own")));
        let answer = service.oneshot(ask("hello")).await.unwrap();
        let degraded = answer.extensions().get::<Degraded>().is_some();
        assert_eq!(degraded, falls_back, "{code}");
        assert_eq!(
            answer.headers().contains_key("x-degraded"),
            falls_back,
            "{code}"
        );
        assert_eq!(
            text(answer).await,
            if falls_back { "sorry" } else { "own" },
            "{code}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn classes_and_rejections_count_not_the_status() {
    for (class, falls_back) in [
        (Class::ContentPolicy, false),
        (Class::ContextLength, false),
        (Class::QuotaExhausted, true),
        (Class::Rejected, true),
    ] {
        let service = fixed().layer(provider(&Arc::default(), move |_| {
            let source = io::Error::other("no");
            Err(Failure::new(Outcome::new(class), source).into())
        }));
        let answer = service.oneshot(ask("hello")).await;
        assert_eq!(answer.is_ok(), falls_back, "{class}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_degraded_answer_says_why_and_from_where() {
    let service = fixed().layer(provider(&Arc::default(), |_| {
        let mut outcome = Outcome::new(Class::Overloaded);
        outcome.forbid(Veto::new(VetoReason::Attempts));
        Err(Failure::new(outcome, io::Error::other("no")).into())
    }));
    let answer = service.oneshot(ask("hello")).await.unwrap();
    assert_eq!(answer.headers()["x-degraded"], "fixed;reason=overloaded");
    let degraded = answer.extensions().get::<Degraded>().unwrap();
    assert_eq!(
        (degraded.reason, &*degraded.source),
        (Class::Overloaded, "fixed")
    );
    assert!(degraded.outcome.veto.is_some() && degraded.age.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_header_can_be_renamed_and_switched_off() {
    let down = provider(&Arc::default(), |_| status(503, "own"));
    let renamed = fixed().header(Some(http::HeaderName::from_static("x-stale")));
    let answer = renamed
        .layer(down.clone())
        .oneshot(ask("hello"))
        .await
        .unwrap();
    assert!(answer.headers().contains_key("x-stale"));
    let answer = fixed()
        .header(None)
        .layer(down)
        .oneshot(ask("hello"))
        .await
        .unwrap();
    assert!(answer.headers().is_empty() && answer.extensions().get::<Degraded>().is_some());
}

#[tokio::test(start_paused = true)]
async fn another_service_gets_the_whole_request() {
    let primary = provider(&Arc::default(), |_| status(503, "own"));
    let secondary = tower::service_fn(|request: Req| async move {
        assert_eq!(request.headers()["x-key"], "1");
        assert_eq!(request.uri(), "/v1/chat");
        let body = request.into_body().collect().await?.to_bytes();
        Ok::<_, Infallible>(Response::new(Full::from(body)))
    });
    let service =
        FallbackLayer::new(Alternative::new("secondary", secondary).unwrap()).layer(primary);
    let mut request = ask("what is it?");
    *request.uri_mut() = "/v1/chat".parse().unwrap();
    request.headers_mut().insert("x-key", "1".parse().unwrap());
    let answer = service.oneshot(request).await.unwrap();
    assert_eq!(
        answer.headers()["x-degraded"],
        "secondary;reason=overloaded"
    );
    assert_eq!(text(answer).await, "what is it?");
}

#[tokio::test(start_paused = true)]
async fn a_good_answer_asks_nobody_else() {
    let asked = Arc::default();
    let secondary =
        Alternative::new("secondary", provider(&asked, |_| status(200, "second"))).unwrap();
    let service =
        FallbackLayer::new(secondary).layer(provider(&Arc::default(), |_| status(200, "own")));
    assert_eq!(
        text(service.oneshot(ask("hello")).await.unwrap()).await,
        "own"
    );
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn when_nothing_works_the_caller_gets_the_first_answer_and_what_was_tried() {
    let secondary = Alternative::new(
        "secondary",
        provider(&Arc::default(), |_| status(500, "second")),
    );
    let tertiary = Alternative::new(
        "tertiary",
        provider(&Arc::default(), |_| Err("reset".into())),
    );
    let (secondary, tertiary) = (secondary.unwrap(), tertiary.unwrap());

    let own_answer = provider(&Arc::default(), |_| status(503, "own"));
    let both = FallbackLayer::new(secondary).or(tertiary);
    let service = both.layer(own_answer);
    let answer = service.oneshot(ask("hello")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.headers().contains_key("x-degraded"));
    let tried = &answer.extensions().get::<Tried>().unwrap().sources;
    let tried: Vec<_> = tried
        .iter()
        .map(|(source, problem)| (&**source, &**problem))
        .collect();
    assert_eq!(
        tried,
        [("secondary", "server_error"), ("tertiary", "transport")]
    );
    assert_eq!(text(answer).await, "own");

    let own_error = provider(&Arc::default(), |_| {
        Err(io::Error::from(io::ErrorKind::ConnectionRefused).into())
    });
    let service = both.layer(own_error);
    let error = service.oneshot(ask("hello")).await.unwrap_err();
    let failure = Failure::find(&*error).unwrap();
    assert_eq!(failure.outcome().class, Class::Transport);
    let nothing = failure.find_source::<NothingWorked>().unwrap();
    assert_eq!(nothing.tried().sources.len(), 2);
    let original = failure.find_source::<io::Error>().unwrap();
    assert_eq!(original.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_answer_is_a_failure_makes_way_for_the_next() {
    let mut failure = Response::new(Bytes::from_static(b"broken"));
    *failure.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let failure = Fixed::new(failure).name("broken").unwrap();
    let down = provider(&Arc::default(), |_| status(503, "own"));

    let apology = Fixed::new(Response::new(Bytes::from_static(b"sorry")));
    let service = FallbackLayer::new(failure.clone())
        .or(apology)
        .layer(down.clone());
    let answer = service.oneshot(ask("hello")).await.unwrap();
    assert_eq!(answer.headers()["x-degraded"], "fixed;reason=overloaded");
    assert_eq!(text(answer).await, "sorry");

    let service = FallbackLayer::new(failure.clone()).or(failure).layer(down);
    let answer = service.oneshot(ask("hello")).await.unwrap();
    let tried = &answer.extensions().get::<Tried>().unwrap().sources;
    assert_eq!(tried.len(), 2);
    assert_eq!(text(answer).await, "own");
}

/// A provider that is up until `down` says otherwise.
fn until(
    down: &Arc<AtomicUsize>,
) -> impl Service<Req, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send> + Clone {
    let down = Arc::clone(down);
    tower::service_fn(move |_: Req| {
        let code = if down.load(Ordering::Relaxed) == 0 {
            200
        } else {
            503
        };
        async move { status(code, "own") }
    })
}

fn by_body(request: &Req) -> Option<Bytes> {
    // A `Full` has its bytes at hand.
    let mut body = request.body().clone();
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    match http_body::Body::poll_frame(std::pin::Pin::new(&mut body), &mut context) {
        std::task::Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_good_answer_comes_with_its_age_and_not_past_its_limit() {
    let down = Arc::default();
    let last_good = LastGood::builder()
        .max_age(Duration::from_secs(60))
        .build(by_body)
        .unwrap();
    let service = FallbackLayer::new(last_good).layer(until(&down));
    let fresh = service.clone().oneshot(ask("a")).await.unwrap();
    assert!(fresh.extensions().get::<Degraded>().is_none());
    assert_eq!(text(fresh).await, "own");

    down.store(1, Ordering::Relaxed);
    advance(Duration::from_secs(12)).await;
    let kept = service.clone().oneshot(ask("a")).await.unwrap();
    assert_eq!(
        kept.headers()["x-degraded"],
        "last-good;reason=overloaded;age=12"
    );
    assert_eq!(text(kept).await, "own");

    let other = service.clone().oneshot(ask("b")).await.unwrap();
    assert_eq!(other.status(), 503, "another question");

    advance(Duration::from_secs(60)).await;
    let old = service.clone().oneshot(ask("a")).await.unwrap();
    assert_eq!(old.status(), 503, "too old");
    assert_eq!(
        &*old.extensions().get::<Tried>().unwrap().sources[0].1,
        "the one kept is too old"
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_not_read_to_a_good_end_is_not_kept() {
    type Head = fn(&mut Response<Full<Bytes>>);
    let late_error: Head = |response| {
        let stream = StreamOutcome::new();
        stream.finish(Outcome::new(Class::ServerError));
        response.extensions_mut().insert(stream);
    };
    for (what, max_bytes, read, head) in [
        ("unread", 100, false, (|_| {}) as Head),
        ("too large", 2, true, |_| {}),
        ("late error in the stream", 100, true, late_error),
    ] {
        let down: Arc<AtomicUsize> = Arc::default();
        let last_good = LastGood::builder()
            .max_bytes(max_bytes)
            .build(by_body)
            .unwrap();
        let inner = until(&down).map_response(move |mut response| {
            head(&mut response);
            response
        });
        let service = FallbackLayer::new(last_good).layer(inner);
        let answer = service.clone().oneshot(ask("a")).await.unwrap();
        if read {
            text(answer).await;
        }
        down.store(1, Ordering::Relaxed);
        let answer = service.oneshot(ask("a")).await.unwrap();
        assert_eq!(answer.status(), 503, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_degraded_answer_is_not_kept_as_a_good_one() {
    let down = provider(&Arc::default(), |_| status(503, "own"));
    let last_good = FallbackLayer::new(LastGood::builder().build(by_body).unwrap());
    let inner = fixed().layer(down);
    let service = last_good.layer(inner);
    for _ in 0..2 {
        let answer = service.clone().oneshot(ask("a")).await.unwrap();
        assert_eq!(answer.headers()["x-degraded"], "fixed;reason=overloaded");
        text(answer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_answers_with_a_receipt_and_a_full_one_does_not() {
    let (sender, mut queue) = tokio::sync::mpsc::channel::<Queued<Full<Bytes>>>(1);
    let down = provider(&Arc::default(), |_| status(503, "own"));
    let service = FallbackLayer::new(Queue::new(sender)).layer(down);

    let answer = service.clone().oneshot(ask("later")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let receipt = answer.extensions().get::<Receipt>().unwrap().clone();
    assert!(text(answer).await.contains(receipt.as_str()));

    let full = service.clone().oneshot(ask("later too")).await.unwrap();
    assert_eq!(full.status(), 503);
    assert_eq!(
        &*full.extensions().get::<Tried>().unwrap().sources[0].1,
        "the queue did not take it"
    );

    let queued = queue.recv().await.unwrap();
    assert_eq!(queued.receipt, receipt);
    assert_eq!(queued.outcome.class, Class::Overloaded);
    assert_eq!(by_body(&queued.request).unwrap(), "later");
}

#[tokio::test(start_paused = true)]
async fn a_reserve_makes_the_deadline_inside_earlier() {
    let deadline = Deadline::at((Instant::now() + Duration::from_secs(10)).into_std());
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let primary = provider(&Arc::default(), move |request| {
        note.lock()
            .unwrap()
            .push(Deadline::of(request.extensions()).unwrap());
        status(503, "own")
    });
    let note = Arc::clone(&seen);
    let secondary = provider(&Arc::default(), move |request| {
        note.lock()
            .unwrap()
            .push(Deadline::of(request.extensions()).unwrap());
        status(200, "second")
    });
    let source = Alternative::new("secondary", secondary).unwrap();
    let service = FallbackLayer::new(source)
        .reserve(Duration::from_secs(3))
        .layer(primary);
    let mut request = ask("hello");
    request.extensions_mut().insert(deadline);
    service.oneshot(request).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(
        deadline.instant() - seen[0].instant(),
        Duration::from_secs(3)
    );
    assert_eq!(seen[1], deadline, "the fallback has all of it");
}

#[test]
fn bad_configuration_names_the_field() {
    let zero = LastGood::builder().max_age(Duration::ZERO).build(by_body);
    assert_eq!(zero.unwrap_err().field(), "max_age");
    let none = LastGood::builder().max_answers(0).build(by_body);
    assert_eq!(none.unwrap_err().field(), "max_answers");
    for name in ["", "two words", "semi;colon", "1st", "naïve"] {
        assert_eq!(
            Alternative::new(name, ()).unwrap_err().field(),
            "name",
            "{name:?}"
        );
    }
}
