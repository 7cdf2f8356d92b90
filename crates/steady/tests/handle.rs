//! What an operator sees of a whole stack, without any exporter.
#![cfg(feature = "full")]

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt};
use tower_steady::circuit_breaker::State;
use tower_steady::fallback::{FallbackLayer, LastGood};
use tower_steady::retry_budget::SpendLayer;
use tower_steady::{BoxError, Identity, Steady, SteadySnapshot};
use tower_steady_testkit::{Answer, Provider};

async fn call<S, B>(service: &mut S)
where
    S: Service<Request<Full<Bytes>>, Response = http::Response<B>, Error = BoxError>,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let request = Request::post("http://provider.test/v1/chat/completions")
        .header("authorization", "Bearer sk-secret")
        .body(Full::from("{}"))
        .unwrap();
    let answer = service.ready().await.unwrap().call(request).await;
    answer.unwrap().into_body().collect().await.unwrap();
}

/// A good answer, then an outage with the last good answer in its place.
async fn an_outage() -> SteadySnapshot {
    let last_good = LastGood::builder()
        .build(|request: &Request<Full<Bytes>>| Some(request.uri().clone()))
        .unwrap();
    let steady = Steady::interactive_seeded(7).with_fallback(FallbackLayer::new(last_good));
    let handle = steady.handle();
    let script = [Answer::ok_chat("Hello"), Answer::overloaded()];
    let provider = Provider::new(script);
    let mut client = steady.layer(provider.service());
    for _ in 0..5 {
        call(&mut client).await;
    }
    handle.snapshot()
}

#[tokio::test(start_paused = true)]
async fn one_handle_shows_every_layer_that_remembers_something() {
    let seen = an_outage().await;
    let fallback = seen.fallback.unwrap();
    assert_eq!((fallback.degraded, fallback.kept), (4, 1));
    let budget = seen.budget.unwrap();
    // The circuit opens at the tenth failure in a row: four first tries, and so six retries.
    assert_eq!(budget.granted - budget.returned, 6);
    assert!(budget.balance.unwrap() < budget.capacity.unwrap());
    assert_eq!(seen.pause.unwrap().keys, []);
    let [circuit] = &seen.circuits[..] else {
        panic!("{:?}", seen.circuits);
    };
    assert_eq!(circuit.state, State::Open);
    assert!(circuit.key.as_ref().unwrap().contains("provider.test"));
    assert!(seen.spend.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_slot_may_be_empty_or_hold_two_layers() {
    let steady = Steady::background();
    let bare = steady.clone().with_pause(Identity::new());
    assert!(bare.handle().snapshot().pause.is_none());

    let both = (tower_steady::Budget::new(), SpendLayer::new());
    let seen = steady.with_budget(both).handle().snapshot();
    assert_eq!(seen.budget.unwrap().balance, Some(10.0));
    assert_eq!(seen.spend.unwrap().per_request, Some(200_000));
}

#[cfg(feature = "serde")]
#[tokio::test(start_paused = true)]
async fn its_json_has_a_field_for_each_layer_and_no_secret() {
    let seen = serde_json::to_value(an_outage().await).unwrap();
    let fields: Vec<_> = seen.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["budget", "circuits", "fallback", "pause", "spend"]);
    assert_eq!(seen["circuits"][0]["state"], "open");
    assert!(seen["circuits"][0]["left_ms"].is_u64());
    assert_eq!(seen["budget"]["name"], "default");
    assert_eq!(seen["fallback"]["sources"][0]["name"], "last-good");
    assert!(!seen.to_string().contains("secret"), "{seen}");
}
