//! The jitters against their analytic distributions. Seeds are fixed, so every run is the same; the
//! tolerance is five standard deviations of the estimate.

use std::collections::HashSet;
use std::time::Duration;

use tower_steady_backoff_jitter::{Jitter, Plan, Schedule};
use tower_steady_core::Seeds;

const N: usize = 100_000;
/// The kurtosis of a uniform distribution.
const KURTOSIS: f64 = 1.8;
const BASE: Duration = Duration::from_secs(1);
const CAP: Duration = Duration::from_secs(10);

fn plan(jitter: Jitter) -> Plan {
    Plan::new(Schedule::exponential(BASE).cap(CAP), 10).jitter(jitter)
}

fn sample(seed: u64, mut draw: impl FnMut(u64) -> Duration) -> Vec<f64> {
    let seeds = Seeds::fixed(seed);
    (0..N).map(|_| draw(seeds.draw()).as_secs_f64()).collect()
}

fn mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / sample.len() as f64
}

fn variance(sample: &[f64]) -> f64 {
    let mean = mean(sample);
    sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (sample.len() - 1) as f64
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (ma, mb) = (mean(a), mean(b));
    let products = a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb));
    products.sum::<f64>() / (a.len() as f64 * (variance(a) * variance(b)).sqrt())
}

/// Mean and variance of `U(low, high)` within five sigma, the bounds hard, and Kolmogorov–Smirnov's
/// distance below its critical value at 10⁻⁶.
fn assert_uniform(mut sample: Vec<f64>, low: f64, high: f64, what: &str) {
    let n = sample.len() as f64;
    let sigma = (high - low) / 12f64.sqrt();
    let off = (mean(&sample) - (low + high) / 2.0).abs();
    assert!(
        off <= 5.0 * sigma / n.sqrt(),
        "{what}: mean is off by {off}"
    );
    let ratio = variance(&sample) / sigma.powi(2) - 1.0;
    let tolerance = 5.0 * ((KURTOSIS - 1.0) / n).sqrt();
    assert!(
        ratio.abs() <= tolerance,
        "{what}: variance is off by {ratio}"
    );

    sample.sort_by(f64::total_cmp);
    assert!(
        low <= sample[0] && sample[sample.len() - 1] <= high,
        "{what}: bounds"
    );
    let distance = |(index, x): (usize, &f64)| {
        let expected = (x - low) / (high - low);
        let (below, above) = (index as f64 / n, (index as f64 + 1.0) / n);
        (expected - below).abs().max((above - expected).abs())
    };
    let distance = sample.iter().enumerate().map(distance).fold(0.0, f64::max);
    assert!(
        distance <= 2.69 / n.sqrt(),
        "{what}: KS distance {distance}"
    );
}

/// One row a jitter and retry: the window is 1, 2, 4, 8 and at the cap 10 s, and what is at the cap
/// keeps all of its variance (tower's and linkerd's backoff have none there, tenacity's likewise).
#[test]
fn each_jitter_is_uniform_over_its_range_at_the_cap_too() {
    for (retry, window) in [(1, 1.0), (2, 2.0), (4, 8.0), (5, 10.0), (40, 10.0)] {
        let additive = Duration::from_millis(700);
        for (jitter, low, high) in [
            (Jitter::Full, 0.0, window),
            (Jitter::Equal, window / 2.0, window),
            (Jitter::Additive(additive), window, window + 0.7),
        ] {
            let plan = plan(jitter);
            let what = format!("{jitter:?}, retry {retry}");
            let drawn = sample(11, |random| plan.delay(retry, Duration::ZERO, random));
            assert_uniform(drawn, low, high, &what);
        }
        let none = sample(11, |random| {
            plan(Jitter::None).delay(retry, Duration::ZERO, random)
        });
        assert!(none.iter().all(|delay| *delay == window));
    }
}

#[test]
fn decorrelated_is_uniform_between_base_and_three_times_the_previous() {
    let plan = plan(Jitter::Decorrelated);
    for (previous, high) in [(0.0, 3.0), (0.5, 3.0), (2.0, 6.0), (3.3, 9.9), (9.0, 10.0)] {
        let previous = Duration::from_secs_f64(previous);
        let drawn = sample(13, |random| plan.delay(1, previous, random));
        assert_uniform(drawn, 1.0, high, &format!("{previous:?}"));
    }
}

/// Uncapped, the n-th delay has the moments M1ₙ = 1.5 M1 + b/2 and M2ₙ = b²/3 + b M1 + 3 M2 of the one
/// before; its mean is b (2 · 1.5ⁿ − 1).
#[test]
fn decorrelated_grows_as_the_recurrence_says() {
    let schedule = Schedule::exponential(BASE).cap(Duration::from_secs(100_000));
    let plan = Plan::new(schedule, 10).jitter(Jitter::Decorrelated);
    let seeds = Seeds::fixed(17);
    let mut previous = vec![Duration::ZERO; N];
    let (mut m1, mut m2) = (1.0, 1.0);
    for retry in 1..=5 {
        for delay in &mut previous {
            *delay = plan.delay(retry, *delay, seeds.draw());
        }
        (m1, m2) = (1.5 * m1 + 0.5, 1.0 / 3.0 + m1 + 3.0 * m2);
        let mean_formula = 2.0 * 1.5f64.powi(retry as i32) - 1.0;
        assert!((m1 - mean_formula).abs() < 1e-9);
        let drawn: Vec<_> = previous.iter().map(Duration::as_secs_f64).collect();
        let sigma = (m2 - m1 * m1).sqrt();
        let off = (mean(&drawn) - m1).abs();
        assert!(
            off <= 5.0 * sigma / (N as f64).sqrt(),
            "retry {retry}: {off}"
        );
    }
}

/// The original clamps the drawn value, and 27 to 41 % of all delays are the cap exactly.
#[test]
fn decorrelated_puts_no_weight_on_the_cap() {
    let plan = plan(Jitter::Decorrelated);
    let mut previous = Duration::ZERO;
    let mut at_cap = 0;
    sample(19, |random| {
        previous = plan.delay(1, previous, random);
        at_cap += usize::from(previous >= CAP);
        previous
    });
    assert_eq!(at_cap, 0);
}

/// What comes on top of a server's wait is the whole window, whatever the jitter.
#[test]
fn above_a_servers_wait_the_window_is_uniform() {
    let floor = Duration::from_secs(20);
    let additive = Jitter::Additive(Duration::from_millis(1));
    for (jitter, retry, window) in [
        (Jitter::Full, 1, 1.0),
        (Jitter::Full, 9, 10.0),
        (Jitter::Equal, 2, 2.0),
        (additive, 2, 2.0),
        (Jitter::Decorrelated, 2, 3.0),
    ] {
        let plan = plan(jitter);
        let drawn = sample(23, |random| {
            plan.delay_after(floor, retry, Duration::ZERO, random)
        });
        assert_uniform(drawn, 20.0, 20.0 + window, &format!("{jitter:?}"));
    }
}

/// The calls of one layer draw from one source of seeds, each call its own generator.
#[test]
fn calls_are_independent_of_each_other_and_so_are_a_calls_delays() {
    let plan = plan(Jitter::Full);
    let layer = Seeds::fixed(29);
    let calls: Vec<[f64; 3]> = (0..N)
        .map(|_| {
            let call = Seeds::fixed(layer.draw());
            [1, 2, 3].map(|retry| plan.delay(retry, Duration::ZERO, call.draw()).as_secs_f64())
        })
        .collect();
    let column = |index: usize| -> Vec<f64> { calls.iter().map(|call| call[index]).collect() };
    let (first, second, third) = (column(0), column(1), column(2));
    let tolerance = 5.0 / (N as f64).sqrt();
    for (a, b) in [
        (&first[..N - 1], &first[1..]),
        (&first[..], &second[..]),
        (&second[..], &third[..]),
        (&first[..], &third[..]),
        (&second[..N - 1], &first[1..]),
    ] {
        let correlation = correlation(a, b);
        assert!(correlation.abs() <= tolerance, "{correlation}");
    }
    assert_uniform(first, 0.0, 1.0, "across calls");
}

/// tower's `make_backoff` gives every request of a process the same delays: 200 sessions drew one.
#[tokio::test(start_paused = true)]
async fn a_thousand_calls_of_one_layer_wait_a_thousand_ways() {
    use http::{Request, Response};
    use tokio::time::Instant;
    use tower::{BoxError, ServiceBuilder, ServiceExt};
    use tower_steady_backoff_jitter::RetryLayer;

    let schedule = Schedule::fixed(Duration::from_secs(1_000)).cap(Duration::from_secs(1_000));
    let layer = RetryLayer::builder()
        .plan(
            tower_steady_core::Class::ServerError,
            Plan::new(schedule, 2),
        )
        .build()
        .unwrap();
    let mut delays = HashSet::new();
    for _ in 0..1_000 {
        let fails = tower::service_fn(|_: Request<()>| {
            let answer = Response::builder().status(500).body(()).unwrap();
            std::future::ready(Ok::<_, BoxError>(answer))
        });
        let service = ServiceBuilder::new().layer(layer.clone()).service(fails);
        let start = Instant::now();
        let _ = service.oneshot(Request::new(())).await;
        delays.insert(start.elapsed());
    }
    // Of a thousand draws among a million milliseconds half a pair meets.
    assert!(delays.len() >= 990, "{}", delays.len());
}
