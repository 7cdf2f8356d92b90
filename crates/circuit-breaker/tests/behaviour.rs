//! What a circuit does, seen through the service on the paused clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_steady_circuit_breaker::{CircuitBreakerLayer, CircuitOpen, State, TripReason};
use tower_steady_core::BoxError;

#[tokio::test(start_paused = true)]
async fn opens_rejects_probes_and_closes() {
    let layer = CircuitBreakerLayer::builder()
        .consecutive_failures(3)
        .open_for(Duration::from_secs(30))
        .jitter(0.0)
        .build()
        .unwrap();
    let circuit = layer.handle();
    let sent = Arc::new(AtomicUsize::new(0));
    let sends = Arc::clone(&sent);
    let mut service = layer.layer(service_fn(move |request: Request<u16>| {
        sends.fetch_add(1, Ordering::Relaxed);
        let status = *request.body();
        async move {
            Ok::<_, BoxError>(
                Response::builder()
                    .status(status)
                    .body(String::new())
                    .unwrap(),
            )
        }
    }));
    for _ in 0..3 {
        service
            .ready()
            .await
            .unwrap()
            .call(Request::new(500))
            .await
            .unwrap();
    }
    assert_eq!(circuit.state(), State::Open);
    assert_eq!(circuit.reason(), Some(TripReason::ConsecutiveFailures));
    let error = service
        .ready()
        .await
        .unwrap()
        .call(Request::new(200))
        .await
        .unwrap_err();
    let open = CircuitOpen::find(&error).unwrap();
    assert_eq!(open.left(), Some(Duration::from_secs(30)));
    assert_eq!(sent.load(Ordering::Relaxed), 3);
    tokio::time::advance(Duration::from_secs(30)).await;
    service
        .ready()
        .await
        .unwrap()
        .call(Request::new(200))
        .await
        .unwrap();
    assert_eq!(circuit.state(), State::Closed);
}
