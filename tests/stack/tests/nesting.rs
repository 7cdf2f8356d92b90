//! Retry inside retry, and layers of a user's that lose the notes.

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use stack::{BoxService, Part, Parts, RequestBody, ResponseBody, call, chat};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_http::map_response_body::MapResponseBodyLayer;
use tower_http::propagate_header::PropagateHeaderLayer;
use tower_http::sensitive_headers::SetSensitiveHeadersLayer;
use tower_http::set_header::SetRequestHeaderLayer;
use tower_http::trace::TraceLayer;
use tower_layer::Layer;
use tower_steady_backoff_jitter::RetryLayer;
use tower_steady_core::{BoxError, VetoReason};
use tower_steady_retry_budget::RetryBudgetLayer;
use tower_steady_testkit::{Answer, Provider};

fn three() -> RetryLayer {
    RetryLayer::builder()
        .max_attempts(3)
        .seed(1)
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn three_tries_inside_three_tries_are_three_sends() {
    for answer in [
        Answer::unavailable(),
        Answer::rate_limited(),
        Answer::server_error(),
    ] {
        let provider = Provider::new(answer.clone());
        let parts = Parts {
            retry: three(),
            ..Parts::default()
        };
        let inner = parts.canonical(provider.service());
        let outer = Parts {
            retry: three(),
            ..Parts::default()
        }
        .canonical(inner);

        let answered = call(&outer, chat("http://provider")).await.unwrap();
        assert_eq!(provider.received(), 3);
        assert_eq!(answered.body, answer.bytes());
        assert_eq!(answered.veto(), Some(VetoReason::Attempts));
        assert_eq!(answered.report.unwrap().sends(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_does_not_multiply_either() {
    let provider = Provider::new(Answer::reset());
    let service = three()
        .layer(three().layer(
            Parts::default().stack(&[Part::RetryAfter, Part::Classify], provider.service()),
        ));
    service.oneshot(chat("http://provider")).await.unwrap_err();
    assert_eq!(provider.received(), 3, "the plan for transport failures");
}

/// A layer of a user's that makes a new response, and a new error, of what it gets.
fn rebuilt(inner: BoxService) -> BoxService {
    let rebuilt = inner
        .map_response(|response: Response<ResponseBody>| {
            let mut new = Response::new(response.into_parts());
            let (head, body) = std::mem::replace(new.body_mut(), empty());
            *new.status_mut() = head.status;
            *new.headers_mut() = head.headers;
            new.map(|_| body)
        })
        .map_err(|error: BoxError| BoxError::from(error.to_string()));
    BoxCloneSyncService::new(rebuilt)
}

fn empty() -> (http::response::Parts, ResponseBody) {
    let body = http_body_util::Empty::new().map_err(|never| match never {});
    Response::new(ResponseBody::new(body)).into_parts()
}

/// What of tower-http is often found in such a stack: it passes on what it does not know.
fn well_behaved(inner: BoxService) -> BoxService {
    let well_behaved = tower::ServiceBuilder::new()
        .layer(SetRequestHeaderLayer::appending(
            http::header::USER_AGENT,
            http::HeaderValue::from_static("test"),
        ))
        .layer(SetSensitiveHeadersLayer::new([http::header::AUTHORIZATION]))
        .layer(PropagateHeaderLayer::new(http::header::USER_AGENT))
        .layer(MapResponseBodyLayer::new(ResponseBody::new))
        .layer(TraceLayer::new_for_http())
        .service(inner)
        .map_response(|response: Response<_>| response.map(ResponseBody::new));
    BoxCloneSyncService::new(well_behaved)
}

#[tokio::test(start_paused = true)]
async fn notes_survive_the_layers_of_tower_http() {
    for place in 0..=Part::CANONICAL.len() {
        let quota = Provider::new(Answer::insufficient_quota());
        let stack = broken(&Parts::default(), place, well_behaved, &quota);
        call(&stack, chat("http://provider")).await.unwrap();
        assert_eq!(quota.received(), 1, "after {place} layers");

        let hinted = Provider::new([Answer::rate_limited().retry_after(9), Answer::ok_chat("Hi")]);
        let stack = broken(&Parts::default(), place, well_behaved, &hinted);
        let answered = call(&stack, chat("http://provider")).await.unwrap();
        assert!(
            answered.elapsed >= Duration::from_secs(9),
            "after {place} layers"
        );
        assert_eq!(answered.report.unwrap().sends(), 2, "after {place} layers");
    }
}

/// A user's layer that sends a new request without the notes.
fn forgetful(inner: BoxService) -> BoxService {
    let forgetful = inner.map_request(|request: Request<RequestBody>| {
        let (head, body) = request.into_parts();
        let mut new = Request::new(body);
        *new.method_mut() = head.method;
        *new.uri_mut() = head.uri;
        *new.headers_mut() = head.headers;
        new
    });
    BoxCloneSyncService::new(forgetful)
}

/// The canonical stack with `between` after the first `place` layers.
fn broken(
    parts: &Parts,
    place: usize,
    between: impl Fn(BoxService) -> BoxService,
    provider: &Provider,
) -> BoxService {
    let (outer, inner) = Part::CANONICAL.split_at(place);
    parts.stack(outer, between(parts.stack(inner, provider.service())))
}

fn place_of(part: Part) -> usize {
    Part::CANONICAL
        .iter()
        .position(|other| *other == part)
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn lost_notes_cost_accuracy() {
    for place in 0..=Part::CANONICAL.len() {
        let provider = Provider::new(Answer::insufficient_quota());
        let stack = broken(&Parts::default(), place, rebuilt, &provider);
        call(&stack, chat("http://provider")).await.unwrap();
        // Between the loop and classify it hides that the quota is exhausted, and the loop sees a rate
        // limit: that is all it costs.
        let between = place > place_of(Part::Retry) && place <= place_of(Part::Classify);
        let sends = if between { 5 } else { 1 };
        assert_eq!(provider.received(), sends, "after {place} layers");
    }
}

#[tokio::test(start_paused = true)]
async fn lost_notes_never_cost_safety() {
    for (name, both, between) in [
        ("rebuilt", false, rebuilt as fn(BoxService) -> BoxService),
        ("forgetful", false, forgetful),
        ("both", true, |inner| forgetful(rebuilt(inner))),
    ] {
        for answer in [
            Answer::unavailable(),
            Answer::rate_limited(),
            Answer::reset(),
        ] {
            for place in 0..=Part::CANONICAL.len() {
                let name = format!("{name} after {place} layers");

                // An empty budget: nothing is repeated.
                let budget = RetryBudgetLayer::builder()
                    .capacity(0.0)
                    .reserve_per_second(0.0);
                let parts = Parts {
                    budget: budget.build().unwrap(),
                    ..Parts::default()
                };
                let provider = Provider::new(answer.clone());
                let stack = broken(&parts, place, between, &provider);
                let _ = call(&stack, chat("http://provider")).await;
                // Who loses both the gate on the way up and the attempt's number on the way down has
                // taken the loop out of the budget's sight.
                let repeats_unseen =
                    both && place > place_of(Part::Retry) && place <= place_of(Part::Budget);
                if !repeats_unseen {
                    assert_eq!(
                        provider.received(),
                        1,
                        "{name}: an empty budget is respected"
                    );
                }

                // A budget of two: so many repeats for ten calls, wherever the notes are lost.
                let budget = RetryBudgetLayer::builder()
                    .capacity(2.0)
                    .reserve_per_second(0.0);
                let parts = Parts {
                    budget: budget.build().unwrap(),
                    ..Parts::default()
                };
                let provider = Provider::new(answer.clone());
                let stack = broken(&parts, place, between, &provider);
                for _ in 0..10 {
                    let _ = call(&stack, chat("http://provider")).await;
                }
                if !repeats_unseen {
                    assert!(
                        provider.received() <= 12,
                        "{name}: {} sends",
                        provider.received()
                    );
                }

                // The loop's own limit holds in any case.
                let provider = Provider::new(answer.clone());
                let stack = broken(&Parts::default(), place, between, &provider);
                let _ = call(&stack, chat("http://provider")).await;
                assert!(
                    provider.received() <= 5,
                    "{name}: {} sends",
                    provider.received()
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_holds_even_where_its_note_is_lost() {
    for place in 0..=Part::CANONICAL.len() {
        let provider = Provider::new(Answer::hang());
        let deadline =
            tower_steady_deadline::DeadlineLayer::builder().timeout(Duration::from_secs(10));
        let parts = Parts {
            deadline: deadline.build().unwrap(),
            ..Parts::default()
        };
        let stack = broken(&parts, place, forgetful, &provider);
        let start = tokio::time::Instant::now();
        call(&stack, chat("http://provider")).await.unwrap_err();
        assert!(
            start.elapsed() <= Duration::from_secs(10),
            "after {place} layers"
        );
    }
}
