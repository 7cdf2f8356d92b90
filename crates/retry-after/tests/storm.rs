//! What the pause is for, in simulation on the paused clock.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use common::{Provider, peak};
use http::{Request, StatusCode};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_steady_core::Deadline;
use tower_steady_core::key::Label;
use tower_steady_retry_after::{PauseLayer, RetryAfterLayer};

#[derive(Debug)]
struct Storm {
    drain: Duration,
    calls_per_success: f64,
    peak: usize,
}

/// `workers` take `jobs` off a list, over one key; a refused call is called again, over and over.
async fn storm(provider: Rc<Provider>, processes: usize, workers: usize, jobs: usize) -> Storm {
    let left = Rc::new(Cell::new(jobs));
    let began = Instant::now();
    let local = LocalSet::new();
    for _ in 0..processes {
        let layer = PauseLayer::builder()
            .max_wait(Duration::from_secs(6000))
            .build()
            .unwrap();
        let own = Rc::clone(&provider);
        let inner = service_fn(move |request| Rc::clone(&own).answer(request));
        let service = layer.layer(RetryAfterLayer::new().layer(inner));
        for _ in 0..workers / processes {
            let (mut service, left) = (service.clone(), Rc::clone(&left));
            local.spawn_local(async move {
                while left.get() > 0 {
                    left.set(left.get() - 1);
                    loop {
                        let request = Request::get("https://api.example/v1").body(()).unwrap();
                        let response = service.ready().await.unwrap().call(request).await.unwrap();
                        if response.status() == StatusCode::OK {
                            break;
                        }
                    }
                }
            });
        }
    }
    local.await;
    let accepted = provider.accepted();
    assert_eq!(accepted.len(), jobs);
    Storm {
        drain: began.elapsed(),
        calls_per_success: (jobs + provider.refused()) as f64 / jobs as f64,
        peak: peak(&accepted, Duration::from_millis(100)),
    }
}

/// The ideal is 2000 jobs at 10 a second: 200 s, of which the burst of 10 saves one.
const IDEAL: Duration = Duration::from_secs(200);

/// 50 workers, one key, 10 calls a second and a burst of 10. A retry loop that waits for exactly what it
/// is told needs 4.8 calls for each success, and never ends where refused calls are charged.
#[tokio::test(start_paused = true)]
async fn a_storm_drains_at_the_rate_of_the_limit() {
    for charged in [false, true] {
        for latency in [20, 200, 1000] {
            let latency = Duration::from_millis(latency);
            let provider = Provider::new(10.0, 10.0, charged, latency);
            let storm = storm(provider, 1, 50, 2000).await;
            let row = format!("charged {charged}, latency {latency:?}: {storm:?}");
            println!("{row}");
            assert!(storm.drain <= IDEAL.mul_f64(1.15), "{row}");
            assert!(storm.calls_per_success <= 1.15, "{row}");
        }
    }
}

/// Four processes, each with a pause of its own, find their shares of one limit.
#[tokio::test(start_paused = true)]
async fn a_fleet_drains_at_the_rate_of_the_limit() {
    for charged in [false, true] {
        let provider = Provider::new(10.0, 10.0, charged, Duration::from_millis(200));
        let storm = storm(provider, 4, 48, 2000).await;
        let row = format!("charged {charged}: {storm:?}");
        println!("{row}");
        assert!(storm.drain <= IDEAL.mul_f64(1.3), "{row}");
        assert!(storm.calls_per_success <= 1.15, "{row}");
    }
}

/// 200 agents are refused at once and told to come back in 2 s. Synchronized they would be 200 again.
#[tokio::test(start_paused = true)]
async fn a_herd_that_is_refused_at_once_does_not_return_at_once() {
    let provider = Provider::refusing_until(Duration::from_secs(2));
    let storm = storm(Rc::clone(&provider), 1, 200, 200).await;
    println!("{storm:?}");
    assert_eq!(provider.refused(), 200);
    assert!(storm.peak <= 200 / 5, "{storm:?}");
}

/// Who waits longest goes first, and nobody who waits is forgotten, whatever rate is known.
#[tokio::test(start_paused = true)]
async fn a_thousand_waiters_are_released_one_after_the_other() {
    for rate in [1.0, 100.0, 10_000.0] {
        release_a_thousand(rate).await;
    }
}

/// One in ten loses its patience at some time before its turn.
fn is_patient(number: &usize) -> bool {
    !number.is_multiple_of(10)
}

async fn release_a_thousand(initial_rate: f64) {
    let provider = Provider::new(f64::INFINITY, 1.0, false, Duration::ZERO);
    let layer = PauseLayer::builder().initial_rate(initial_rate);
    let layer = layer.build().unwrap();
    let sent = Rc::new(RefCell::new(Vec::new()));
    let (own, log) = (Rc::clone(&provider), Rc::clone(&sent));
    let inner = service_fn(move |request: Request<usize>| {
        log.borrow_mut().push(*request.body());
        Rc::clone(&own).answer(request)
    });
    let service = layer.layer(inner);
    let pause = Duration::from_secs(30);
    assert!(layer.handle().pause(&Label::new("api.example"), pause));
    let began = Instant::now();

    let served = Rc::new(RefCell::new(Vec::new()));
    let local = LocalSet::new();
    for number in 0..1000 {
        let (service, served) = (service.clone(), Rc::clone(&served));
        local.spawn_local(async move {
            let request = Request::get("https://api.example/v1").body(number).unwrap();
            let patience = if is_patient(&number) {
                Duration::from_secs(600)
            } else {
                Duration::from_millis(30_000 + number as u64)
            };
            if let Ok(answer) = timeout(patience, service.oneshot(request)).await {
                answer.unwrap();
                served.borrow_mut().push(number);
            }
        });
    }
    local.await;

    let (dispatched, sent, served) = (provider.accepted(), sent.borrow(), served.borrow());
    let served: Vec<_> = served.iter().copied().filter(is_patient).collect();
    let patient: Vec<_> = (0..1000).filter(is_patient).collect();
    assert_eq!(served, patient, "each one, in the order of arrival");
    assert!(sent.is_sorted(), "not in the order of arrival");
    assert!(dispatched[0] - began >= pause);
    let peak = peak(&dispatched, Duration::from_millis(100));
    assert!(peak <= 1000 / 5, "{initial_rate}: {peak}");
    let took = began.elapsed() - pause;
    println!("from {initial_rate} a second: peak {peak}, all after {took:?}");
}

/// More calls than the limit lets pass: some are refused at once, and the others end in time. If all of
/// them waited, each would be sent when it had no time left.
#[tokio::test(start_paused = true)]
async fn a_queue_that_only_grows_makes_nobody_late() {
    let patience = Duration::from_secs(10);
    for (per_second, latency, at_least) in [(12, 1, 0.9), (20, 1, 0.9), (20, 3, 0.7)] {
        let provider = Provider::new(10.0, 10.0, false, Duration::from_secs(latency));
        let inner = service_fn(move |request| Rc::clone(&provider).answer(request));
        let service = PauseLayer::new().layer(RetryAfterLayer::new().layer(inner));
        let (local, in_time) = (LocalSet::new(), Rc::new(Cell::new(0)));
        for number in 0..per_second * 300 {
            let (service, in_time) = (service.clone(), Rc::clone(&in_time));
            local.spawn_local(async move {
                sleep(Duration::from_secs(1) * number / per_second).await;
                let mut request = Request::get("https://api.example/v1").body(()).unwrap();
                let deadline = (Instant::now() + patience).into_std();
                request.extensions_mut().insert(Deadline::at(deadline));
                let answer = timeout(patience, service.oneshot(request)).await;
                if matches!(answer, Ok(Ok(answer)) if answer.status() == StatusCode::OK) {
                    in_time.set(in_time.get() + 1);
                }
            });
        }
        local.await;
        let share = f64::from(in_time.get()) / 3000.0;
        println!("{per_second} a second, {latency} s: {share} of the limit");
        assert!(share >= at_least, "{per_second} {latency}: {share}");
    }
}
