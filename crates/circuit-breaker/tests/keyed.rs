//! A circuit for each key.

mod common;

use std::time::Duration;

use common::{Does, Provider, builder};
use http::Request;
use tokio::time::advance;
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceExt};
use tower_steady_circuit_breaker::{CircuitBreaker, CircuitBreakerLayer, CircuitOpen, State};
use tower_steady_core::key::{ByExtension, ByHost, Label, RequestKey};

const SECOND: Duration = Duration::from_secs(1);

async fn to<K: RequestKey>(
    service: &CircuitBreaker<Provider, K>,
    host: &str,
    does: Does,
) -> common::Answered {
    let request = Request::builder()
        .uri(format!("https://{host}/v1"))
        .body(does)
        .unwrap();
    service.clone().oneshot(request).await
}

#[tokio::test(start_paused = true)]
async fn the_outage_of_one_host_leaves_the_others_alone() {
    let layer = builder().key(ByHost).build().unwrap();
    let service = layer.layer(Provider::default());
    for _ in 0..10 {
        for host in ["a", "b", "c", "d"] {
            to(&service, host, Does::Answers(200)).await.unwrap();
        }
        let _ = to(&service, "down", Does::Answers(500)).await;
    }
    let state = |host| layer.handle_of(&Label::new(host)).state();
    assert_eq!(state("down"), State::Open);
    assert_eq!(["a", "b", "c", "d"].map(state), [State::Closed; 4]);
    assert_eq!(layer.handles().len(), 5);
    let error = to(&service, "DOWN", Does::Answers(200)).await.unwrap_err();
    assert_eq!(CircuitOpen::find(&error).unwrap().key(), Some("\"down\""));
    let lost: u64 = layer
        .handles()
        .iter()
        .map(|(_, handle)| handle.counts().rejected)
        .sum();
    assert_eq!(lost, 9, "all of them at the host that is down");
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Model(&'static str);

#[tokio::test(start_paused = true)]
async fn a_key_may_be_an_extension_or_a_function() {
    let layer = builder().key(ByExtension::<Model>::new()).build().unwrap();
    let mut service = layer.layer(Provider::default());
    for _ in 0..2 {
        let mut request = Request::new(Does::Answers(500));
        request.extensions_mut().insert(Model("large"));
        service.ready().await.unwrap().call(request).await.unwrap();
    }
    assert_eq!(layer.handle_of(&Some(Model("large"))).state(), State::Open);
    assert_eq!(layer.handle_of(&None).state(), State::Closed);

    let layer = builder()
        .key(|parts: &http::request::Parts| parts.uri.path().len())
        .build()
        .unwrap();
    let service = layer.layer(Provider::default());
    to(&service, "a", Does::Answers(200)).await.unwrap();
    assert_eq!(layer.handles()[0].0, 3);
}

/// Without its request a service cannot know its circuit, so while any is open it does not wait for the
/// inner service: the key that is down fails fast, another one waits in its future.
#[tokio::test(start_paused = true)]
async fn fails_fast_by_key_in_front_of_a_saturated_service() {
    let layer = builder().key(ByHost).build().unwrap();
    let service = layer.layer(ConcurrencyLimit::new(Provider::default(), 1));
    let request = |host: &str, does| {
        Request::builder()
            .uri(format!("https://{host}/"))
            .body(does)
            .unwrap()
    };
    for _ in 0..2 {
        service
            .clone()
            .oneshot(request("down", Does::Answers(500)))
            .await
            .unwrap();
    }
    let mut hog = service.clone();
    let hung = hog.ready().await.unwrap().call(request("up", Does::Hangs));
    let error = service
        .clone()
        .oneshot(request("down", Does::Answers(200)))
        .await
        .unwrap_err();
    assert!(CircuitOpen::find(&error).is_some());
    let mut waiting =
        tokio_test::task::spawn(service.clone().oneshot(request("up", Does::Answers(200))));
    assert!(waiting.poll().is_pending());
    drop(hung);
    assert_eq!(waiting.await.unwrap().status(), 200);
    // Once no circuit is open any more, readiness is the inner service's again.
    advance(11 * SECOND).await;
    let hung = hog.ready().await.unwrap().call(request("up", Does::Hangs));
    assert!(
        tokio_test::task::spawn(service.clone().ready())
            .poll()
            .is_pending()
    );
    drop(hung);
}

#[tokio::test(start_paused = true)]
async fn idle_circuits_are_let_go_and_outages_are_not() {
    let layer = builder()
        .open_for(3600 * SECOND)
        .max_open(3600 * SECOND)
        .key(ByHost);
    let layer = layer.idle_after(100 * SECOND).build().unwrap();
    let service = layer.layer(Provider::default());
    let has = |layer: &CircuitBreakerLayer<ByHost>, host: &str| {
        layer.handles().iter().any(|(key, _)| key.as_str() == host)
    };
    to(&service, "idle", Does::Answers(200)).await.unwrap();
    layer.handle_of(&Label::new("forced")).force_open();
    for _ in 0..2 {
        to(&service, "down", Does::Answers(500)).await.unwrap();
    }
    for minute in 0..10 {
        advance(60 * SECOND).await;
        to(&service, "busy", Does::Answers(200)).await.unwrap();
        // A new key is what makes the layer look.
        to(&service, &format!("new{minute}"), Does::Answers(200))
            .await
            .unwrap();
    }
    assert!(!has(&layer, "idle") && !has(&layer, "new0"));
    assert!(has(&layer, "busy") && has(&layer, "down") && has(&layer, "forced"));
    assert!(layer.handles().len() <= 8, "{}", layer.handles().len());
}

#[tokio::test(start_paused = true)]
async fn the_number_of_circuits_is_bounded() {
    let layer = builder().key(ByHost).max_keys(32).build().unwrap();
    let service = layer.layer(Provider::default());
    for _ in 0..2 {
        to(&service, "down", Does::Answers(500)).await.unwrap();
    }
    for number in 0..1000 {
        to(&service, &format!("host{number}"), Does::Answers(200))
            .await
            .unwrap();
        assert!(layer.handles().len() <= 32);
    }
    // Closed circuits went; the one that knows of an outage stayed.
    assert_eq!(layer.handle_of(&Label::new("down")).state(), State::Open);
}

/// What somebody does through a handle is done to the circuit that calls meet, however long ago the
/// handle was taken and however few calls came since.
#[tokio::test(start_paused = true)]
async fn a_circuit_that_somebody_has_a_handle_on_stays() {
    let layer = builder().idle_after(SECOND).max_keys(4).key(ByHost);
    let layer = layer.build().unwrap();
    let service = layer.layer(Provider::default());
    let handle = layer.handle_of(&Label::new("watched"));
    for number in 0..20 {
        advance(60 * SECOND).await;
        let host = format!("host{number}");
        to(&service, &host, Does::Answers(200)).await.unwrap();
    }
    handle.force_open();
    assert!(to(&service, "watched", Does::Answers(200)).await.is_err());
    handle.reset();
    // Once nobody has it any more it goes as others do.
    drop(handle);
    for number in 0..20 {
        advance(60 * SECOND).await;
        let host = format!("host{number}");
        to(&service, &host, Does::Answers(200)).await.unwrap();
    }
    let handles = layer.handles();
    assert!(handles.iter().all(|(key, _)| key.as_str() != "watched"));
}

/// A handle that found no place in a full map speaks for no calls, and so keeps nobody's
/// `poll_ready` from waiting, forced or not.
#[tokio::test(start_paused = true)]
async fn a_forced_circuit_without_a_place_alarms_nobody() {
    let layer = builder().key(ByHost).max_keys(1).build().unwrap();
    let kept = layer.handle_of(&Label::new("kept"));
    kept.force_closed();
    layer.handle_of(&Label::new("stray")).force_open();
    let service = layer.layer(ConcurrencyLimit::new(Provider::default(), 1));
    let mut hog = service.clone();
    let request = Request::builder().uri("https://kept/").body(Does::Hangs);
    let _hung = hog.ready().await.unwrap().call(request.unwrap());
    let mut waiting = service.clone();
    assert!(tokio_test::task::spawn(waiting.ready()).poll().is_pending());
}

/// With every place taken by hand, further keys are served, each call by a circuit of its own.
#[tokio::test(start_paused = true)]
async fn forced_circuits_never_go() {
    let layer = builder().key(ByHost).max_keys(2).build().unwrap();
    let service = layer.layer(Provider::default());
    layer.handle_of(&Label::new("a")).force_open();
    layer.handle_of(&Label::new("b")).force_closed();
    for _ in 0..5 {
        to(&service, "c", Does::Answers(500)).await.unwrap();
    }
    assert_eq!(layer.handles().len(), 2);
    assert!(to(&service, "a", Does::Answers(200)).await.is_err());
}

/// Threads that meet at a new key end up with one circuit.
#[test]
fn a_new_key_gets_one_circuit_whoever_comes_first() {
    let layer = builder().key(ByHost).build().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let service = layer.layer(Provider::default());
            std::thread::spawn(move || {
                tokio_test::block_on(async {
                    for number in 0..200 {
                        let host = format!("host{}", number % 50);
                        to(&service, &host, Does::Answers(200)).await.unwrap();
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let handles = layer.handles();
    assert_eq!(handles.len(), 50);
    let calls: u64 = handles
        .iter()
        .map(|(_, handle)| handle.counts().successes)
        .sum();
    assert_eq!(calls, 800);
}
