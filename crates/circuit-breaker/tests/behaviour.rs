//! What a circuit does, seen through the service on the paused clock.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Does, Provider, builder, call};
use http::{Request, StatusCode, header};
use tokio::time::advance;
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceExt};
use tower_steady_circuit_breaker::{
    CircuitBreakerBuilder, CircuitBreakerLayer, CircuitOpen, State, TripReason, Verdict,
};
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

/// tower-resilience takes any `Ok` for a success: an HTTP 503 never opens it.
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

/// 200 calls that an outer timeout drops: tower-resilience sees none of them. Cancelled they are, and
/// by option slow.
#[tokio::test(start_paused = true)]
async fn dropped_calls_are_cancelled_or_by_option_slow() {
    for (option, expected) in [(false, State::Closed), (true, State::Open)] {
        let layer = builder()
            .slow_calls(SECOND, 0.5)
            .slow_cancels(option)
            .minimum_calls(10)
            .window(100 * SECOND)
            .build()
            .unwrap();
        let service = layer.layer(Provider::default());
        for _ in 0..10 {
            let hung = call(&service, Does::Hangs);
            tokio::time::timeout(2 * SECOND, hung).await.unwrap_err();
        }
        let circuit = layer.handle();
        assert_eq!(circuit.state(), expected);
        assert_eq!(circuit.counts().cancelled, 10);
        assert_eq!(circuit.counts().slow, if option { 10 } else { 0 });
    }
}

#[tokio::test(start_paused = true)]
async fn slow_calls_open_and_a_slow_probe_has_failed() {
    let layer = builder()
        .slow_calls(SECOND, 0.5)
        .minimum_calls(4)
        .window(60 * SECOND)
        .build()
        .unwrap();
    let (circuit, service) = (layer.handle(), layer.layer(Provider::default()));
    let slow = || Does::AnswersAfter(200, Duration::from_millis(1001));
    // Exactly the limit is not slow.
    for _ in 0..2 {
        call(&service, Does::AnswersAfter(200, SECOND))
            .await
            .unwrap();
    }
    call(&service, slow()).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
    call(&service, slow()).await.unwrap();
    assert_eq!(circuit.reason(), Some(TripReason::SlowCallRate));
    advance(10 * SECOND).await;
    call(&service, slow()).await.unwrap();
    assert_eq!(circuit.reason(), Some(TripReason::ProbesFailed));
    assert_eq!(circuit.time_left(), Some(20 * SECOND));
    advance(20 * SECOND).await;
    call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

/// The provider is not to blame for the time before a call is sent, nor for an answer that was there at
/// once.
#[tokio::test(start_paused = true)]
async fn the_time_of_a_call_runs_while_it_waits() {
    let after = |millis| Does::AnswersAfter(200, Duration::from_millis(millis));
    let cases = [
        ("there at once", Does::Answers(200), 0),
        ("in time", after(1000), 0),
        ("slow", after(1001), 1),
    ];
    for (name, does, expected) in cases {
        let layer = builder().slow_calls(SECOND, 1.0).build().unwrap();
        let mut service = layer.layer(Provider::default());
        let polled_late = service.ready().await.unwrap().call(Request::new(does));
        advance(60 * SECOND).await;
        polled_late.await.unwrap();
        assert_eq!(layer.handle().counts().slow, expected, "{name}");
    }
}

/// A rate limit that took long says as little as one that came at once.
#[tokio::test(start_paused = true)]
async fn what_is_ignored_is_not_slow_either() {
    let layer = builder()
        .slow_calls(SECOND, 0.5)
        .minimum_calls(2)
        .build()
        .unwrap();
    let (circuit, service) = (layer.handle(), layer.layer(Provider::default()));
    for _ in 0..4 {
        let limited = Does::AnswersAfter(429, 2 * SECOND);
        call(&service, limited).await.unwrap();
    }
    assert_eq!(circuit.state(), State::Closed);
    assert_eq!((circuit.counts().ignored, circuit.counts().slow), (4, 0));
}

/// While open, an inner service that is saturated does not hold up the rejection.
#[tokio::test(start_paused = true)]
async fn fails_fast_in_front_of_a_saturated_service() {
    let layer = builder().build().unwrap();
    let mut service = layer.layer(ConcurrencyLimit::new(Provider::default(), 1));
    let mut hog = service.clone();
    let hung = hog.ready().await.unwrap().call(Request::new(Does::Hangs));
    assert!(
        tokio_test::task::spawn(service.ready()).poll().is_pending(),
        "saturated"
    );
    layer.handle().force_open();
    let error = call(&service, Does::Answers(200)).await.unwrap_err();
    assert!(CircuitOpen::find(&error).is_some());
    drop(hung);
}

/// A call that was admitted to a service which was ready only because the circuit was open waits in its
/// future for the inner service, and asks the circuit again before it is sent.
#[tokio::test(start_paused = true)]
async fn readiness_that_came_from_an_open_circuit_is_not_the_inner_services() {
    let provider = Provider::default();
    let layer = builder().build().unwrap();
    let circuit = layer.handle();
    let service = layer.layer(ConcurrencyLimit::new(provider.clone(), 1));
    let mut hog = service.clone();
    let hung = hog.ready().await.unwrap().call(Request::new(Does::Hangs));

    let ready_while_open = || async {
        circuit.force_open();
        let mut clone = service.clone();
        clone.ready().await.unwrap();
        circuit.reset();
        clone
    };
    let (mut first, mut second) = (ready_while_open().await, ready_while_open().await);
    let mut sent = tokio_test::task::spawn(first.call(Request::new(Does::Answers(200))));
    let mut refused = tokio_test::task::spawn(second.call(Request::new(Does::Answers(200))));
    assert!(sent.poll().is_pending() && refused.poll().is_pending());
    assert_eq!(provider.sent(), 1);
    drop(hung);
    let response = sent.await.unwrap();
    assert_eq!(response.status(), 200);
    // The other one is still queued when the circuit opens.
    circuit.force_open();
    let error = refused.await.unwrap_err();
    assert!(CircuitOpen::find(&error).is_some());
    assert_eq!(provider.sent(), 2);
}

/// What the inner service had reserved for a call that is then rejected is given back.
#[tokio::test(start_paused = true)]
async fn a_rejected_call_holds_no_reservation() {
    let limited = ConcurrencyLimit::new(Provider::default(), 1);
    let layer = builder().build().unwrap();
    let mut service = layer.layer(limited.clone());
    service.ready().await.unwrap();
    layer.handle().force_open();
    service
        .call(Request::new(Does::Answers(200)))
        .await
        .unwrap_err();
    // Another route behind the same limit goes on.
    let mut other = limited;
    assert!(tokio_test::task::spawn(other.ready()).poll().is_ready());
}

/// A place in the inner service's queue is given up too, or it would be served and held for nothing.
#[tokio::test(start_paused = true)]
async fn a_rejected_call_stands_in_no_queue() {
    let mut limited = ConcurrencyLimit::new(Provider::default(), 1);
    let hung = limited
        .ready()
        .await
        .unwrap()
        .call(Request::new(Does::Hangs));
    let layer = builder().build().unwrap();
    let mut service = layer.layer(limited.clone());
    assert!(tokio_test::task::spawn(service.ready()).poll().is_pending());
    layer.handle().force_open();
    service
        .ready()
        .await
        .unwrap()
        .call(Request::new(Does::Answers(200)))
        .await
        .unwrap_err();
    drop(hung);
    assert!(tokio_test::task::spawn(limited.ready()).poll().is_ready());
    drop(service);
}

/// linkerd#2493's class: a clone that is polled ready and dropped has taken no probe.
#[tokio::test(start_paused = true)]
async fn readiness_takes_no_probe() {
    let layer = builder().build().unwrap();
    let service = layer.layer(Provider::default());
    for _ in 0..2 {
        call(&service, Does::Answers(500)).await.unwrap();
    }
    advance(10 * SECOND).await;
    for _ in 0..5 {
        service.clone().ready().await.unwrap();
    }
    call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(layer.handle().state(), State::Closed);
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

/// Listeners and watchers see each transition; a listener may use the circuit, for it runs under no
/// lock (those of tower-resilience run under its mutex).
#[tokio::test(start_paused = true)]
async fn listeners_and_watchers_see_transitions() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handle = Arc::new(Mutex::new(None));
    let layer = {
        let (seen, handle) = (Arc::clone(&seen), Arc::clone(&handle));
        builder()
            .on_transition(move |transition| {
                let handle = handle.lock().unwrap();
                let handle: &tower_steady_circuit_breaker::CircuitBreakerHandle =
                    handle.as_ref().unwrap();
                let _ = (handle.counts(), handle.window(), handle.time_left());
                seen.lock()
                    .unwrap()
                    .push((transition.from, transition.to, transition.generation));
            })
            .build()
            .unwrap()
    };
    *handle.lock().unwrap() = Some(layer.handle());
    let service = layer.layer(Provider::default());
    let mut watch = layer.handle().watch();
    assert_eq!(watch.borrow_and_update().generation, 0);
    for _ in 0..2 {
        call(&service, Does::Answers(500)).await.unwrap();
    }
    watch.changed().await.unwrap();
    let opened = watch.borrow_and_update().clone();
    assert_eq!((opened.to, opened.trips), (State::Open, 1));
    assert_eq!(opened.open_for, Some(10 * SECOND));
    advance(10 * SECOND).await;
    call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(watch.borrow_and_update().to, State::Closed);
    let (open, half, closed) = (State::Open, State::HalfOpen, State::Closed);
    let expected = [(closed, open, 1), (open, half, 2), (half, closed, 3)];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn presets_have_the_fields_numbers() {
    async fn trips_after(builder: CircuitBreakerBuilder, calls: &[u16], every: Duration) -> usize {
        let layer = builder.jitter(0.0).build().unwrap();
        let service = layer.layer(Provider::default());
        for (number, status) in calls.iter().enumerate() {
            call(&service, Does::Answers(*status)).await.unwrap();
            if layer.handle().state() == State::Open {
                return number + 1;
            }
            advance(every).await;
        }
        0
    }
    type B = CircuitBreakerBuilder;
    let ms = Duration::from_millis;
    assert_eq!(trips_after(B::five_in_a_row(), &[500; 9], ms(1)).await, 5);
    let mixed = [500, 500, 500, 500, 200, 500, 500];
    assert_eq!(trips_after(B::five_in_a_row(), &mixed, ms(1)).await, 0);
    assert_eq!(trips_after(B::five_a_minute(), &mixed, 9 * SECOND).await, 6);
    assert_eq!(
        trips_after(B::five_a_minute(), &mixed, 13 * SECOND).await,
        0
    );
    let half = [200, 500].repeat(20);
    assert_eq!(trips_after(B::half_of_twenty(), &half, ms(100)).await, 20);
    assert_eq!(trips_after(B::half_of_twenty(), &half, ms(600)).await, 0);
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

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_takes_no_slot_with_it() {
    let layer = builder()
        .on_transition(|transition| assert_ne!(transition.to, State::HalfOpen))
        .build()
        .unwrap();
    let service = layer.layer(Provider::default());
    for _ in 0..2 {
        call(&service, Does::Answers(500)).await.unwrap();
    }
    advance(10 * SECOND).await;
    let probe = service.clone();
    let probe = tokio::spawn(async move { call(&probe, Does::Answers(200)).await.is_ok() });
    assert!(probe.await.unwrap_err().is_panic());
    call(&service, Does::Answers(200)).await.unwrap();
    assert_eq!(layer.handle().state(), State::Closed);
}

#[test]
fn bad_configuration_names_its_field() {
    let zero = Duration::ZERO;
    let b = CircuitBreakerLayer::builder;
    let cases = [
        (b().consecutive_failures(0), "consecutive_failures"),
        (b().consecutive_failures(1 << 21), "consecutive_failures"),
        (b().failure_count(0), "failure_count"),
        (b().failure_rate(0.0), "failure_rate"),
        (b().failure_rate(1.01), "failure_rate"),
        (b().failure_rate(f64::NAN), "failure_rate"),
        (b().slow_calls(SECOND, f64::INFINITY), "slow_calls"),
        (b().slow_calls(zero, 0.5), "slow_calls"),
        (b().minimum_calls(0), "minimum_calls"),
        (b().window(zero), "window"),
        (b().window(Duration::MAX), "window"),
        (b().open_for(zero), "open_for"),
        (b().open_for(11 * SECOND).max_open(10 * SECOND), "max_open"),
        (b().growth(0.99), "growth"),
        (b().growth(f64::NAN), "growth"),
        (b().jitter(-0.1), "jitter"),
        (b().jitter(f64::NAN), "jitter"),
        (b().probes(0), "probes"),
        (b().probes(1025), "probes"),
        (b().probes(2).success_threshold(3), "success_threshold"),
        (b().success_threshold(0), "success_threshold"),
        (b().probe_lease(zero), "probe_lease"),
        (b().max_keys(0), "max_keys"),
        (b().idle_after(zero), "idle_after"),
    ];
    for (builder, field) in cases {
        let error = builder.build().expect_err(field);
        assert_eq!(error.field(), field);
    }
}

/// The original error stays within reach.
#[tokio::test(start_paused = true)]
async fn errors_pass_through_unchanged() {
    let layer = builder().build().unwrap();
    let service = layer.layer(Provider::default());
    let error = call(&service, Does::Breaks).await.unwrap_err();
    assert_eq!(error.to_string(), "connection refused");
    assert!(Failure::find(&*error).is_none(), "nothing to add");
}
