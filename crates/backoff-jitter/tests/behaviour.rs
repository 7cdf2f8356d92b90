//! What callers and layers see of a call, on the paused clock.

mod common;

use std::time::Duration;

use self::common::*;
use tower::ServiceBuilder;
use tower_steady_backoff_jitter::RetryLayer;
use tower_steady_core::{Attempt, Outcome, Report};

#[tokio::test(start_paused = true)]
async fn a_success_at_once_carries_no_note_and_clones_no_service() {
    let provider = Provider::new();
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new())
        .service(service(&provider));
    provider.reset_clones();
    let answer = call(service, request()).await;

    assert_eq!(provider.clones(), 0);
    assert_eq!(provider.seen()[0].note, None);
    assert!(Outcome::note(&answer).is_none());
    assert!(Report::of(&answer).is_none());
    assert!(answer.unwrap().extensions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_tried_again_with_a_note_and_reported() {
    let provider = Provider::script([bare(503), whole(500)]);
    let service = ServiceBuilder::new()
        .layer(RetryLayer::builder().seed(1).build().unwrap())
        .service(service(&provider));
    let answer = call(service, request()).await;

    assert_eq!(provider.sends(), 3);
    assert_eq!(provider.seen()[1].note.unwrap().number, 2);
    // Nobody left a note on the first answer, so nobody knows whether a gate stood in the way.
    assert_eq!(provider.seen()[1].note, Some(Attempt::new(2, false)));
    assert_eq!(provider.seen()[2].note, Some(Attempt::new(3, true)));
    assert_eq!(provider.seen()[2].body, "{}");
    assert_eq!(answer.as_ref().unwrap().status(), 200);
    assert_eq!(classes(&answer), ["overloaded", "server_error", "success"]);
    let slept: Duration = report(&answer).attempts.iter().map(|a| a.slept).sum();
    assert_eq!(report(&answer).total_wait, slept);
    assert!(provider.gaps().iter().all(|gap| !gap.is_zero()));
}
