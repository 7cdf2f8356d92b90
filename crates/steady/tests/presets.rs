//! The presets: what they promise, and that every slot can be swapped.
#![cfg(feature = "presets")]

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};
use tower_steady::circuit_breaker::CircuitBreakerLayer;
use tower_steady::classify::ClassifyLayer;
use tower_steady::retry_after::{PauseLayer, RetryAfterLayer};
use tower_steady::retry_budget::RetryBudgetLayer;
use tower_steady::{
    BoxError, Class, Failure, Identity, Outcome, Report, Steady, VetoReason, backoff_jitter,
    deadline, replay_body,
};
use tower_steady_testkit::{Answer, Provider};

type Req = Request<Full<Bytes>>;

/// A preset can be named, in a field or a signature, without a parameter.
struct Client {
    stack: Steady,
}

fn chat() -> Req {
    Request::post("http://provider.test/v1/chat/completions")
        .body(Full::from("{}"))
        .unwrap()
}

async fn call<L, B>(layer: L, provider: &Provider) -> Result<http::Response<B>, BoxError>
where
    L: Layer<tower_steady_testkit::ProviderService>,
    L::Service: Service<Req, Response = http::Response<B>, Error = BoxError>,
{
    layer.layer(provider.service()).oneshot(chat()).await
}

#[tokio::test(start_paused = true)]
async fn the_presets_send_as_often_and_wait_as_long_as_they_say() {
    for (stack, sends, longest) in [
        (Steady::interactive(), 3, Duration::from_secs(30)),
        (Steady::background(), 5, Duration::from_secs(600)),
    ] {
        let provider = Provider::new(Answer::rate_limited());
        let client = Client { stack };
        let start = Instant::now();
        let answer = call(client.stack, &provider).await;
        assert_eq!(Outcome::class_of(&answer), Class::RateLimited);
        assert!(Report::of(&answer).unwrap().sends() >= sends);
        assert!(start.elapsed() <= longest, "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_ends_at_the_deadline_with_a_report() {
    for (stack, longest) in [
        (Steady::interactive(), Duration::from_secs(30)),
        (Steady::background(), Duration::from_secs(600)),
    ] {
        let provider = Provider::new(Answer::hang());
        let start = Instant::now();
        let error = call(stack, &provider).await.unwrap_err();
        let failure = Failure::find(&*error).unwrap();
        assert_eq!(failure.outcome().class, Class::Timeout);
        assert!(
            failure.report().unwrap().sends() >= 2,
            "time for another attempt"
        );
        assert!(start.elapsed() <= longest, "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_past_the_cap_ends_the_call_at_once() {
    for (stack, wait) in [(Steady::interactive(), 31), (Steady::background(), 61)] {
        let provider = Provider::new(Answer::rate_limited().retry_after(wait));
        let start = Instant::now();
        let answer = call(stack, &provider).await;
        let veto = Outcome::read(&answer).veto.unwrap();
        assert_eq!(veto.reason(), VetoReason::WaitOverCap);
        assert_eq!(answer.unwrap().status(), 429, "the provider's own answer");
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(provider.received(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_host_that_is_down_does_not_open_the_circuit_of_another() {
    let provider = Provider::new(Answer::ok_chat("Hello")).when(
        |call| call.uri.host() == Some("down.test"),
        Answer::unavailable(),
    );
    let service = Steady::interactive().layer(provider.service());
    let to = |host: &str| {
        let mut request = chat();
        *request.uri_mut() = format!("http://{host}/v1/chat").parse().unwrap();
        service.clone().oneshot(request)
    };
    // Ten failures in a row.
    for _ in 0..4 {
        let _ = to("down.test").await;
    }
    let rejected = to("down.test").await;
    assert_eq!(Outcome::class_of(&rejected), Class::Rejected);
    assert_eq!(to("up.test").await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn every_slot_can_be_swapped_and_emptied() {
    let full = Steady::interactive()
        .with_replay(replay_body::ReplayLayer::new())
        .with_deadline(deadline::DeadlineLayer::new())
        .with_fallback(Identity::new())
        .with_retry(backoff_jitter::RetryLayer::new())
        .with_budget(RetryBudgetLayer::new())
        .with_pause(PauseLayer::new())
        .with_breaker(CircuitBreakerLayer::new())
        .with_timeouts(deadline::AttemptTimeoutLayer::new())
        .with_hints(RetryAfterLayer::new())
        .with_classify(ClassifyLayer::new());
    let provider = Provider::new([Answer::overloaded(), Answer::ok_message("Hello")]);
    assert_eq!(call(full, &provider).await.unwrap().status(), 200);
    assert_eq!(provider.received(), 2);

    let empty = Steady::interactive()
        .with_deadline(Identity::new())
        .with_retry(Identity::new())
        .with_budget(Identity::new())
        .with_pause(Identity::new())
        .with_breaker(Identity::new())
        .with_timeouts(Identity::new())
        .with_hints(Identity::new())
        .with_classify(Identity::new());
    let provider = Provider::new(Answer::overloaded());
    let answer = empty.layer(provider.service()).oneshot(chat()).await;
    assert_eq!(
        answer.unwrap().status(),
        529,
        "nobody looked, nobody retried"
    );
    assert_eq!(provider.received(), 1);
}
