//! What a circuit does, seen through the service on the paused clock.

mod common;

use std::time::Duration;

use common::{Does, Provider, builder, call};
use http::{Request, StatusCode, header};
use tokio::time::advance;
use tower::{Layer, Service, ServiceExt};
use tower_steady_circuit_breaker::{CircuitOpen, State, TripReason, Verdict};
use tower_steady_core::{Class, Failure, Outcome, VetoReason};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn opens_rejects_probes_and_closes() {
    let (provider, layer) = (Provider::default(), builder().build().unwrap());
    let (circuit, service) = (layer.handle(), layer.layer(provider.clone()));
    for _ in 0..2 {
        call(&service, Does::Answers(500)).await.unwrap();
    }
    assert_eq!(circuit.state(), State::Open);
    assert_eq!(circuit.reason(), Some(TripReason::ConsecutiveFailures));
    advance(4 * SECOND).await;
    let error = call(&service, Does::Answers(200)).await.unwrap_err();
    let open = CircuitOpen::find(&error).unwrap();
    assert_eq!(open.left(), Some(6 * SECOND));
    assert_eq!(open.reason(), TripReason::ConsecutiveFailures);
    assert_eq!(provider.sent(), 2);
    advance(6 * SECOND).await;
    call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
    assert_eq!((circuit.time_left(), circuit.reason()), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_forbids_retries_and_says_for_how_long() {
    let layer = builder().build().unwrap();
    let service = layer.layer(Provider::default());
    layer.handle().force_open();
    let result = call(&service, Does::Answers(200)).await;
    let outcome = Outcome::read(&result);
    assert_eq!(outcome.class, Class::Rejected);
    assert!(!outcome.may_retry() && !outcome.sent);
    let veto = outcome.veto.unwrap();
    assert_eq!(
        (veto.reason(), veto.time_left()),
        (VetoReason::CircuitOpen, None)
    );
    layer.handle().reset();
    for _ in 0..2 {
        call(&service, Does::Breaks).await.unwrap_err();
    }
    let outcome = Outcome::read(&call(&service, Does::Answers(200)).await);
    assert_eq!(outcome.veto.unwrap().time_left(), Some(10 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_server_may_answer_503_with_retry_after() {
    let layer = builder().respond(true).build().unwrap();
    let service = layer.layer(Provider::default());
    for _ in 0..2 {
        call(&service, Does::Answers(503)).await.unwrap();
    }
    advance(Duration::from_millis(500)).await;
    let response = call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    // 9.5 s, rounded up: never too early.
    assert_eq!(response.headers()[header::RETRY_AFTER], "10");
    let outcome = response.extensions().get::<Outcome>().unwrap();
    assert_eq!(
        outcome.veto.as_ref().unwrap().reason(),
        VetoReason::CircuitOpen
    );
    assert!(http_body::Body::is_end_stream(response.body()));
    // Nobody knows for how long.
    layer.handle().force_open();
    let response = call(&service, Does::Answers(200)).await.unwrap();
    assert!(!response.headers().contains_key(header::RETRY_AFTER));
}

/// What each class says, in a circuit that one failure opens.
#[tokio::test(start_paused = true)]
async fn classes_count_as_documented() {
    for class in Class::ALL {
        let layer = builder().consecutive_failures(1).build().unwrap();
        let service = layer.layer(Provider::default());
        call(&service, Does::class(class)).await.unwrap();
        let counts = layer.handle().counts();
        let expected = match class {
            Class::Overloaded | Class::ServerError | Class::Timeout | Class::Transport => (0, 1, 0),
            Class::RateLimited
            | Class::QuotaExhausted
            | Class::Conflict
            | Class::Rejected
            | Class::Unknown => (0, 0, 1),
            _ => (1, 0, 0),
        };
        assert_eq!(
            (counts.successes, counts.failures, counts.ignored),
            expected,
            "{class}"
        );
        let opened = layer.handle().state() == State::Open;
        assert_eq!(opened, class.is_provider_fault(), "{class}");
    }
}

/// A probe that meets one has not failed, as it has for linkerd where that judges by rate, and gives its
/// slot back, which resilience4j#544 lost.
#[tokio::test(start_paused = true)]
async fn a_rate_limit_neither_opens_nor_closes() {
    let layer = builder().build().unwrap();
    let (circuit, service) = (layer.handle(), layer.layer(Provider::default()));
    for _ in 0..10 {
        call(&service, Does::Answers(429)).await.unwrap();
    }
    assert_eq!(circuit.state(), State::Closed);
    for _ in 0..2 {
        call(&service, Does::Answers(500)).await.unwrap();
    }
    advance(10 * SECOND).await;
    for _ in 0..3 {
        call(&service, Does::Answers(429)).await.unwrap();
        assert_eq!(circuit.state(), State::HalfOpen);
        let quota = Does::class(Class::QuotaExhausted);
        call(&service, quota).await.unwrap();
        assert_eq!(circuit.state(), State::HalfOpen);
    }
    call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_counts_can_be_changed_for_each_class() {
    let layer = builder()
        .verdict(Class::RateLimited, Verdict::Failure)
        .verdict(Class::Success, Verdict::Ignore)
        .build()
        .unwrap();
    let (circuit, service) = (layer.handle(), layer.layer(Provider::default()));
    call(&service, Does::Answers(429)).await.unwrap();
    call(&service, Does::Answers(200)).await.unwrap();
    call(&service, Does::Answers(429)).await.unwrap();
    assert_eq!(circuit.state(), State::Open);
    assert_eq!(circuit.counts().ignored, 1);
}

/// tower-resilience takes any `Ok` for a success, so that an HTTP 503 never opens it, or else wants a
/// service that has no errors.
#[tokio::test(start_paused = true)]
async fn statuses_and_noted_outcomes_count_not_ok_and_err() {
    let layer = builder().build().unwrap();
    let (circuit, service) = (layer.handle(), layer.layer(Provider::default()));
    // An error that a layer below has classified as no fault of the provider's.
    for _ in 0..3 {
        call(&service, Does::Fails(Outcome::new(Class::InvalidRequest)))
            .await
            .unwrap_err();
    }
    assert_eq!(circuit.state(), State::Closed);
    call(&service, Does::Answers(503)).await.unwrap();
    call(&service, Does::class(Class::ServerError))
        .await
        .unwrap();
    assert_eq!(circuit.state(), State::Open);
}

/// tower-resilience and gobreaker do not hear it.
#[tokio::test(start_paused = true)]
async fn the_servers_wait_is_a_floor() {
    let layer = builder().build().unwrap();
    let service = layer.layer(Provider::default());
    let mut outcome = Outcome::new(Class::Overloaded);
    outcome.wait_at_least(45 * SECOND);
    for _ in 0..2 {
        call(&service, Does::Notes(outcome.clone())).await.unwrap();
    }
    assert_eq!(layer.handle().time_left(), Some(45 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn works_by_hand() {
    let provider = Provider::default();
    let layer = builder().build().unwrap();
    let (circuit, service) = (layer.handle(), layer.layer(provider.clone()));
    circuit.force_closed();
    for _ in 0..10 {
        call(&service, Does::Answers(500)).await.unwrap();
    }
    assert_eq!(
        (circuit.state(), provider.sent()),
        (State::ForcedClosed, 10)
    );
    circuit.force_open();
    advance(3600 * SECOND).await;
    let error = call(&service, Does::Answers(200)).await.unwrap_err();
    assert_eq!(
        CircuitOpen::find(&error).unwrap().state(),
        State::ForcedOpen
    );
    circuit.reset();
    call(&service, Does::Answers(500)).await.unwrap();
    assert_eq!(circuit.state(), State::Closed, "the row starts anew");
    assert_eq!(circuit.counts().failures, 11);
    assert_eq!(circuit.counts().rejected, 1);
}

/// Or the outer one would hold the slot of the only probe, and the inner one refuse it.
#[tokio::test(start_paused = true)]
async fn a_circuit_that_stands_twice_in_a_stack_closes_again() {
    let (provider, layer) = (Provider::default(), builder().build().unwrap());
    let service = layer.layer(layer.layer(provider.clone()));
    let call = async |does| service.clone().oneshot(Request::new(does)).await;
    call(Does::Answers(500)).await.unwrap();
    assert_eq!(layer.handle().state(), State::Open, "counted twice");
    // Ready while the circuit was open, so that the probe is let through later than by `call`.
    let mut early = service.clone();
    early.ready().await.unwrap();
    advance(10 * SECOND).await;
    early.call(Request::new(Does::Answers(500))).await.unwrap();
    assert_eq!(layer.handle().state(), State::Open, "by a probe");
    advance(20 * SECOND).await;
    call(Does::Answers(200)).await.unwrap();
    assert_eq!(layer.handle().state(), State::Closed);
    assert_eq!(provider.sent(), 3);
}

/// The original error stays what it was; tower-resilience wraps each in a type of its own.
#[tokio::test(start_paused = true)]
async fn errors_pass_through_unchanged() {
    let layer = builder().build().unwrap();
    let service = layer.layer(Provider::default());
    let error = call(&service, Does::Breaks).await.unwrap_err();
    assert_eq!(error.to_string(), "connection refused");
    assert!(Failure::find(&*error).is_none(), "nothing to add");
}
