//! What an operator sees of the circuits of a stack.

mod common;

use std::time::Duration;

use common::{Does, Provider, builder, call};
use http::Request;
use tokio::time::advance;
use tower::{Layer, ServiceExt};
use tower_steady_circuit_breaker::{CircuitBreakerLayer, State, TripReason};
use tower_steady_core::key::ByHeader;

const SECOND: Duration = Duration::from_secs(1);

fn windowed() -> CircuitBreakerLayer {
    let builder = builder().failure_rate(0.9).minimum_calls(100);
    builder.build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_shows_state_and_counts_of_one_moment() {
    let layer = windowed();
    let service = layer.layer(Provider::default());
    let seen = layer.handle().snapshot();
    assert_eq!(
        (seen.state, seen.generation, seen.trips),
        (State::Closed, 0, 0)
    );
    assert_eq!((seen.key, seen.reason, seen.left), (None, None, None));

    for does in [200, 429, 500, 500, 200] {
        let _ = call(&service, Does::Answers(does)).await;
    }
    advance(4 * SECOND).await;
    let seen = layer.handle().snapshot();
    assert_eq!(seen.state, State::Open);
    assert_eq!(seen.reason, Some(TripReason::ConsecutiveFailures));
    assert_eq!(seen.left, Some(6 * SECOND));
    assert_eq!((seen.generation, seen.trips), (1, 1));
    let counts = seen.counts;
    assert_eq!((counts.successes, counts.failures), (1, 2));
    assert_eq!((counts.ignored, counts.rejected), (1, 1));
    // The window began anew with the transition.
    assert_eq!(seen.window.unwrap().calls, 0);
    assert_eq!(layer.snapshots(), [seen]);
}

#[tokio::test(start_paused = true)]
async fn the_circuits_of_a_keyed_layer_are_shown_by_key() {
    let layer = builder().key(ByHeader(http::header::HOST)).build().unwrap();
    assert_eq!(layer.snapshots(), []);
    let service = layer.layer(Provider::default());
    for (host, status) in [("b", 500), ("a", 200), ("b", 500)] {
        let request = Request::builder().header("host", host);
        let request = request.body(Does::Answers(status)).unwrap();
        let _ = service.clone().oneshot(request).await;
    }
    let seen = layer.snapshots();
    let seen: Vec<_> = seen
        .iter()
        .map(|seen| (seen.key.as_deref().unwrap(), seen.state))
        .collect();
    assert_eq!(seen, [(r#""a""#, State::Closed), (r#""b""#, State::Open)]);
}

#[cfg(feature = "serde")]
#[tokio::test(start_paused = true)]
async fn in_json_states_are_words_and_times_are_milliseconds() {
    let layer = windowed();
    let service = layer.layer(Provider::default());
    for does in [500, 500] {
        let _ = call(&service, Does::Answers(does)).await;
    }
    layer.handle().force_open();
    let open = CircuitBreakerLayer::builder()
        .consecutive_failures(1)
        .open_for(10 * SECOND)
        .jitter(0.0)
        .key(ByHeader(http::header::HOST))
        .build()
        .unwrap();
    let service = open.layer(Provider::default());
    let _ = service.oneshot(Request::new(Does::Answers(500))).await;

    let seen = [layer.snapshots(), open.snapshots()].concat();
    assert_eq!(
        serde_json::to_value(seen).unwrap(),
        serde_json::json!([
            {
                "key": null,
                "state": "forced_open",
                "reason": "forced",
                "left_ms": null,
                "trips": 0,
                "generation": 2,
                "counts": {
                    "successes": 0, "failures": 2, "ignored": 0, "cancelled": 0, "stale": 0,
                    "slow": 0, "rejected": 0,
                },
                "window": { "calls": 0, "failures": 0, "slow": 0 },
            },
            {
                "key": "\"\"",
                "state": "open",
                "reason": "consecutive_failures",
                "left_ms": 10_000,
                "trips": 1,
                "generation": 1,
                "counts": {
                    "successes": 0, "failures": 1, "ignored": 0, "cancelled": 0, "stale": 0,
                    "slow": 0, "rejected": 0,
                },
                "window": null,
            },
        ])
    );
}
