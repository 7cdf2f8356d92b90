//! What can be configured, and what cannot.

mod common;

use std::time::Duration;

use common::{Does, Provider, call};
use tokio::time::advance;
use tower::Layer;
use tower_steady_circuit_breaker::{CircuitBreakerBuilder, CircuitBreakerLayer, State};

const SECOND: Duration = Duration::from_secs(1);

/// And trip at the very call that reaches them: Hystrix at the next look at its window, up to half a
/// second later.
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
