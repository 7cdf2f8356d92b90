//! The sources: another service, the last good answer, a queue.

mod common;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::{Req, ask, by_body, fixed, provider, status, text, until};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::time::advance;
use tower::{Layer, ServiceExt};
use tower_steady_core::{Class, Outcome, StreamOutcome};
use tower_steady_fallback::{
    Alternative, Degraded, FallbackLayer, LastGood, Queue, Queued, Receipt, Tried,
};

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
        ("a redirect to a login page", 100, true, |response| {
            if response.status().is_success() {
                *response.status_mut() = StatusCode::FOUND;
            }
        }),
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
    assert_eq!(answer.headers()["x-degraded"], "queue;reason=overloaded");
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
async fn no_more_answers_are_kept_than_allowed() {
    let last_good = LastGood::builder().max_answers(8).build(by_body).unwrap();
    let layer = FallbackLayer::new(last_good);
    let up = Arc::default();
    let service = layer.layer(until(&up));
    for question in 0..100 {
        let question: &'static str = Box::leak(question.to_string().into_boxed_str());
        text(service.clone().oneshot(ask(question)).await.unwrap()).await;
    }
    let kept = layer.handle().snapshot().kept;
    assert!((1..=8).contains(&kept), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn what_was_true_of_then_or_of_another_caller_alone_is_not_kept() {
    let down: Arc<AtomicUsize> = Arc::default();
    let inner = until(&down).map_response(|mut response: Response<Full<Bytes>>| {
        for (name, value) in [
            ("content-type", "text/plain"),
            ("set-cookie", "session=1"),
            ("date", "Tue, 15 Nov 1994 08:12:31 GMT"),
            ("connection", "close"),
            ("retry-after", "1"),
            ("x-ratelimit-remaining", "0"),
        ] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    });
    let service = FallbackLayer::new(LastGood::builder().build(by_body).unwrap()).layer(inner);
    text(service.clone().oneshot(ask("a")).await.unwrap()).await;
    down.store(1, Ordering::Relaxed);
    let kept = service.oneshot(ask("a")).await.unwrap();
    let names: Vec<_> = kept.headers().keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["content-type", "x-degraded"]);
}
