//! What callers and the layers below are told of a call.

mod common;

use std::time::Duration;

use http::StatusCode;
use tower::ServiceBuilder;
use tower_steady_backoff_jitter::RetryLayer;
use tower_steady_core::{Attempt, Class, Deadline, Outcome, Report, VetoReason};

use self::common::layers::*;
use self::common::*;

#[tokio::test(start_paused = true)]
async fn a_success_at_once_carries_no_note_and_clones_no_service() {
    let provider = Provider::new();
    let service = stack(&RetryLayer::new(), &provider);
    provider.reset_clones();
    let answer = call(service, request()).await;

    assert_eq!(provider.clones(), 0);
    assert_eq!(provider.seen()[0].note, None);
    assert!(answer.unwrap().extensions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_retry_takes_one_clone_and_a_note() {
    let provider = Provider::script([bare(503), whole(500)]);
    let service = stack(&seeded(), &provider);
    provider.reset_clones();
    let answer = call(service, request()).await;

    assert_eq!(provider.clones(), 2);
    let notes: Vec<_> = provider.seen().iter().map(|seen| seen.note).collect();
    // Nobody left a note on the first answer, so nobody knows whether a gate stood in the way.
    let expected = [
        None,
        Some(Attempt::new(2, false).after(Class::Overloaded)),
        Some(Attempt::new(3, true).after(Class::ServerError)),
    ];
    assert_eq!(notes, expected);
    assert_eq!(provider.seen()[2].body, "{}");
    assert_eq!(answer.as_ref().unwrap().status(), 200);
    assert_eq!(classes(&answer), ["overloaded", "server_error", "success"]);
    assert!(Outcome::note(&answer).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_inherited_attempt_is_removed_and_other_notes_go_down_every_time() {
    let provider = Provider::script([bare(503), bare(503)]);
    let mut request = until(60 * SECOND);
    let deadline = Deadline::of(request.extensions()).unwrap();
    request.extensions_mut().insert(Attempt::new(3, true));
    let answer = call(stack(&seeded(), &provider), request).await;
    assert!(answer.is_ok());
    let numbers: Vec<_> = provider
        .seen()
        .iter()
        .map(|seen| seen.note.map(|note| note.number))
        .collect();
    assert_eq!(numbers, [None, Some(2), Some(3)]);
    for seen in provider.seen() {
        assert_eq!(Deadline::of(&seen.head.extensions), Some(deadline));
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_says_what_each_try_was() {
    let first: Play = Box::new(|request| {
        let mut answer = wait(429, 2 * SECOND)(request)?;
        let id = "req_1".parse().unwrap();
        answer.headers_mut().insert("x-request-id", id);
        Ok(answer)
    });
    let provider =
        Provider::script([first, error(Class::Transport, true)]).takes(Duration::from_millis(300));
    let answer = call(stack(&plain().build().unwrap(), &provider), request()).await;

    let report = report(&answer);
    assert_eq!(report.sends(), 3);
    let [first, second, third] = &report.attempts[..] else {
        panic!("{report:?}");
    };
    assert_eq!(first.status, Some(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(first.wait, Some(2 * SECOND));
    assert_eq!(first.request_id.as_deref(), Some("req_1"));
    assert_eq!(first.slept, Duration::ZERO);
    assert_eq!(second.status, None);
    assert_eq!(second.slept, 2 * SECOND);
    assert_eq!(third.class, Class::Success);
    assert_eq!(third.slept, SECOND);
    assert_eq!(report.total_wait, 3 * SECOND);
    for attempt in &report.attempts {
        assert_eq!(attempt.elapsed, Duration::from_millis(300));
        assert!(!attempt.repaired);
    }
    assert_eq!(
        report.to_string(),
        "after 3 sends: rate_limited, transport, success"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_one_try_has_a_report_too() {
    let provider = Provider::script([bare(400)]);
    let answer = call(stack(&seeded(), &provider), request()).await;
    assert_eq!(classes(&answer), ["invalid_request"]);
    assert_eq!(outcome(&answer).class, Class::InvalidRequest);

    let provider = Provider::script([rejected(VetoReason::CircuitOpen)]);
    let answer = call(stack(&seeded(), &provider), request()).await;
    // Nothing was sent.
    assert_eq!(report(&answer).sends(), 0);
    assert!(!outcome(&answer).sent);
    assert_eq!(veto(&answer), Some(VetoReason::CircuitOpen));
}

/// tower-resilience and tensorzero multiply: 3 × 3 makes 9 there.
#[tokio::test(start_paused = true)]
async fn retries_in_retries_do_not_multiply() {
    let three = || plain().max_attempts(3).build().unwrap();
    for plays in [0, 1, 3, 20] {
        let provider = Provider::script((0..plays).map(|_| bare(429)));
        let service = ServiceBuilder::new()
            .layer(three())
            .layer(three())
            .layer(three())
            .service(service(&provider));
        let answer = call(service, request()).await;
        let sends = (plays + 1).min(3);
        assert_eq!(provider.sends(), sends);
        if plays == 0 {
            assert!(Report::of(&answer).is_none());
        } else {
            assert_eq!(report(&answer).sends(), sends);
        }
    }
}

/// A layer that loses the notes: the retry goes on by status, and what it sends is not said to be
/// paid, so that a budget below charges it itself.
#[tokio::test(start_paused = true)]
async fn where_notes_are_lost_no_repeat_claims_to_be_paid() {
    let gate = Counter::new(0);
    let provider = Provider::script([gated(&gate, bare(429)), gated(&gate, bare(429))]);
    let service = ServiceBuilder::new()
        .layer(seeded())
        .map_response(|response: http::Response<Body>| {
            let (parts, body) = response.into_parts();
            http::Response::builder()
                .status(parts.status)
                .body(body)
                .unwrap()
        })
        .service(service(&provider));
    let answer = call(service, request()).await;
    assert_eq!(answer.unwrap().status(), 200);
    let paid: Vec<_> = provider.seen()[1..]
        .iter()
        .map(|seen| seen.note.unwrap().paid)
        .collect();
    assert_eq!(paid, [false, false]);
}
