//! Who is told of transitions.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Does, Provider, builder, call};
use tokio::time::advance;
use tower::Layer;
use tower_steady_circuit_breaker::State;

const SECOND: Duration = Duration::from_secs(1);

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
