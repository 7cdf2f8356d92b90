//! Failures: bodies of refusals, read within bounds, and errors without a response.

mod common;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use common::{JSON, QUOTA, Step, answer, call, frames, outcome, scripted};
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::Instant;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::{BoxError, Class, Failure, Outcome, Veto, VetoReason};

#[tokio::test(start_paused = true)]
async fn success_passes_without_a_note_or_a_look() {
    for (status, content_type) in [
        (200, "text/plain"),
        (200, "audio/mpeg"),
        (204, JSON),
        (302, JSON),
    ] {
        let (body, _) = scripted([Step::Hang]);
        let response = call(&ClassifyLayer::new(), answer(status, content_type, body))
            .await
            .unwrap();
        assert!(response.extensions().is_empty(), "{status} {content_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn error_body_is_read_to_its_end_and_frees_its_connection() {
    let (body, dropped) = scripted([
        Step::data(&QUOTA[..10]),
        Step::Wait(Duration::from_millis(500)),
        Step::data(&QUOTA[10..]),
    ]);
    let response = call(&ClassifyLayer::new(), answer(429, JSON, body))
        .await
        .unwrap();
    let note = outcome(&response);
    assert_eq!(note.class, Class::QuotaExhausted);
    assert!(note.whole && !note.transient && note.sent);
    assert!(
        dropped.yet(),
        "the inner body is gone before the caller reads"
    );
    assert_eq!(
        response.body().size_hint().exact(),
        Some(QUOTA.len() as u64)
    );
    assert_eq!(
        frames(response.into_body()).await,
        [&QUOTA[..10], &QUOTA[10..]]
    );
}

#[tokio::test(start_paused = true)]
async fn slow_error_body_holds_the_caller_no_longer_than_the_limit() {
    let (body, dropped) = scripted([
        Step::data("{\"error\":"),
        Step::Wait(Duration::from_secs(60)),
        Step::data("\"late\"}"),
    ]);
    let start = Instant::now();
    let response = call(&ClassifyLayer::new(), answer(503, JSON, body))
        .await
        .unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(outcome(&response).class, Class::Overloaded);
    assert!(!outcome(&response).whole);
    assert!(!dropped.yet());
    assert_eq!(
        frames(response.into_body()).await,
        ["{\"error\":", "\"late\"}"]
    );
}

#[tokio::test(start_paused = true)]
async fn hanging_error_body_holds_the_caller_no_longer_than_the_limit() {
    let (body, _) = scripted([Step::Hang]);
    let layer = ClassifyLayer::builder()
        .time_limit(Duration::from_millis(50))
        .build()
        .unwrap();
    let start = Instant::now();
    let response = call(&layer, answer(500, JSON, body)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(50));
    assert_eq!(outcome(&response).class, Class::ServerError);
}

#[tokio::test(start_paused = true)]
async fn endless_error_body_is_read_up_to_the_limit_and_then_handed_on() {
    let chunk = "x".repeat(1000);
    let steps = (0..200).map(|_| Step::Data(chunk.clone().into()));
    let (body, _) = scripted(steps);
    let response = call(&ClassifyLayer::new(), answer(500, JSON, body))
        .await
        .unwrap();
    assert!(!outcome(&response).whole);
    let frames = frames(response.into_body()).await;
    assert_eq!(frames.len(), 200);
    assert!(frames.iter().all(|frame| *frame == chunk));
}

#[tokio::test(start_paused = true)]
async fn endless_empty_frames_do_not_hold_the_caller() {
    let steps = (0..100_000).map(|_| Step::data(""));
    let (body, _) = scripted(steps);
    let response = call(&ClassifyLayer::new(), answer(500, JSON, body))
        .await
        .unwrap();
    assert!(!outcome(&response).whole);
}

#[tokio::test(start_paused = true)]
async fn broken_error_body_gives_what_arrived_and_then_its_error() {
    let (body, _) = scripted([Step::data(QUOTA), Step::Break]);
    let response = call(&ClassifyLayer::new(), answer(429, JSON, body))
        .await
        .unwrap();
    // All that matters had arrived.
    assert_eq!(outcome(&response).class, Class::QuotaExhausted);
    assert!(!outcome(&response).whole);
    assert_eq!(frames(response.into_body()).await, [QUOTA, "error: broken"]);
}

#[tokio::test(start_paused = true)]
async fn body_says_that_it_is_at_its_end_when_all_of_it_has_been_handed_on() {
    for (steps, frames) in [
        (vec![Step::data(QUOTA)], 1),
        (vec![Step::data(&QUOTA[..10]), Step::data(&QUOTA[10..])], 2),
        (vec![Step::data(QUOTA), Step::Trailers(HeaderMap::new())], 2),
        (vec![Step::data(QUOTA), Step::Break], 2),
    ] {
        let told = format!("{steps:?}");
        let (body, _) = scripted(steps);
        let response = call(&ClassifyLayer::new(), answer(429, JSON, body)).await;
        let mut body = Box::pin(response.unwrap().into_body());
        for _ in 0..frames {
            assert!(!body.is_end_stream(), "{told}");
            body.frame().await.expect("a frame or an error").ok();
        }
        assert!(body.is_end_stream(), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_of_an_error_come_after_its_body() {
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())]);
    let (body, _) = scripted([Step::data("{}"), Step::Trailers(trailers)]);
    let response = call(&ClassifyLayer::new(), answer(500, JSON, body))
        .await
        .unwrap();
    assert_eq!(
        frames(response.into_body()).await,
        ["{}", "{\"x-sum\": \"1\"}"]
    );
}

#[tokio::test(start_paused = true)]
async fn error_without_a_response_gets_its_outcome_and_stays_reachable() {
    let service = service_fn(|_: Request<()>| async {
        Err::<Response<common::Scripted>, _>(io::Error::from(io::ErrorKind::ConnectionRefused))
    });
    let service = ServiceBuilder::new()
        .layer(ClassifyLayer::new())
        .service(service);
    let error = service.oneshot(Request::new(())).await.unwrap_err();
    let failure = Failure::find(&*error).unwrap();
    assert_eq!(failure.outcome().class, Class::Transport);
    assert!(failure.outcome().transient && !failure.outcome().sent);
    assert!(failure.find_source::<io::Error>().is_some());
}

#[tokio::test(start_paused = true)]
async fn outcome_of_a_layer_further_in_is_left_alone() {
    let service = service_fn(|_: Request<()>| async {
        let veto = Veto::new(VetoReason::Budget);
        let failure = Failure::new(Outcome::rejected(veto), io::Error::other("no"));
        Err::<Response<common::Scripted>, BoxError>(failure.into())
    });
    let error = ClassifyLayer::new()
        .layer(service)
        .oneshot(Request::new(()))
        .await
        .unwrap_err();
    let outcome = Failure::find(&*error).unwrap().outcome();
    assert_eq!(outcome.class, Class::Rejected);
    assert!(outcome.veto.is_some());
}

/// The provider is not to blame, and nothing was sent.
#[cfg(feature = "tower")]
#[tokio::test(start_paused = true)]
async fn a_call_that_load_shedding_turned_away_is_rejected_and_not_a_failure() {
    let service = tower::ServiceBuilder::new()
        .layer(ClassifyLayer::new())
        .load_shed()
        .concurrency_limit(1)
        .service(tower::service_fn(|_: Request<()>| {
            std::future::pending::<Result<Response<http_body_util::Empty<Bytes>>, BoxError>>()
        }));
    let mut busy = service.clone();
    let _busy = tower::Service::call(busy.ready().await.unwrap(), Request::new(()));
    let result = service.oneshot(Request::new(())).await;
    let outcome = Outcome::read(&result);
    assert_eq!(outcome.class, Class::Rejected);
    assert!(!outcome.sent && !outcome.may_retry());
}
