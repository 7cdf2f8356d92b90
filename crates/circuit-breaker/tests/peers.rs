//! What other circuit breakers get wrong, each as a test that this one passes.
//!
//! Those that show through the service are here. Of the others, `src/tests/vectors/peers.rs` has what is
//! the core's alone; the rest stands beside the behaviour that it belongs to, and names the peer too:
//!
//! | what goes wrong | where | test |
//! |---|---|---|
//! | a window that never slides | tower-resilience, tower-circuitbreaker | `vectors/peers`: `a_long_good_past_does_not_delay_a_trip` |
//! | nothing opens before a whole window of calls | tower-resilience, resilience4j#1731 | `vectors/peers`: `the_minimum_of_calls_is_enough` |
//! | a window that lags or stays full after an idle time | linkerd | `vectors/peers`: `an_idle_time_empties_the_window_and_leaves_it_in_time` |
//! | a window that grows with its calls | tower-resilience | `allocations`: `a_window_of_many_failures_does_not_grow` |
//! | the circuit opens at the next tick of a timer | Hystrix | `configuration`: `presets_have_the_fields_numbers` |
//! | probes forgotten after a window's length | tower-resilience | here, and in `vectors/peers` |
//! | a straggler decides for the probe | resilience4j, Polly, failsafe-go, linkerd, Hystrix, Finagle, tower-resilience | here, and in `vectors/peers` |
//! | a straggler mints a slot | resilience4j, failsafe-go | `vectors/peers`: `a_stale_end_mints_no_slot` |
//! | more verdicts than probes asked for | failsafe-go#391 | `vectors/peers`: `no_more_than_k_verdicts_are_asked_for` |
//! | a cancelled probe closes, opens, or is waited for | Polly, Hystrix, linkerd | `contract`: `a_probe_can_be_dropped_at_every_poll` |
//! | a hung probe is waited for, for ever | resilience4j#544, #903, #935, Polly#1979 | `vectors/peers`: `a_hung_probe_loses_its_slot_when_its_lease_ends` |
//! | an ignored probe's slot is lost | resilience4j#544 | `behaviour`: `a_rate_limit_neither_opens_nor_closes` |
//! | readiness takes the probe's slot | linkerd#2493 | `readiness`: `readiness_takes_no_probe` |
//! | one failed probe among many opens again | gobreaker, Polly#2381 | `vectors/half_open`: `half_open_as_in_resilience4j` |
//! | a crowd passes at the edge | tower#855, tower-resilience#382, Finagle, resilience4j#1432 | `contract`: `a_crowd_at_the_edge_sends_k_probes` |
//! | everybody passes once the open time is over | Envoy, ai-gateway | here |
//! | calls that are dropped leave no trace | tower-resilience | `slow`: `dropped_calls_are_cancelled_or_by_option_slow` |
//! | a stream that is dropped is a success | linkerd | `streams`: `an_unfinished_stream_that_is_dropped_is_cancelled` |
//! | an error inside a 200 is a success | linkerd, tower-resilience | `streams`: `late_endings_are_judged` |
//! | a 429 counts, or fails the probe | linkerd | `behaviour`: `a_rate_limit_neither_opens_nor_closes` |
//! | any `Ok` is a success | tower-resilience | `behaviour`: `statuses_and_noted_outcomes_count_not_ok_and_err` |
//! | errors come out as another type | tower-resilience | `behaviour`: `errors_pass_through_unchanged` |
//! | verdicts are lost under load | linkerd | here |
//! | a task for each circuit | linkerd | here |
//! | a lock held through the call | gobreaker's shared one | here |
//! | a refusal that waits first | tower-resilience | here |
//! | listeners run under the lock | tower-resilience | `listeners`: `listeners_and_watchers_see_transitions` |
//! | a state's gauge stays up when it is left | tower-resilience | the facade's `metrics/values`: `a_circuit_is_counted_in_its_state_and_in_no_other` |
//! | services of one layer do not share | tower-resilience | `contract`: `clones_share_and_layers_do_not` |
//! | an open time that is always the same | tower-resilience, gobreaker, Hystrix | `vectors/open_time`: `open_time_grows_as_in_resilience4j` |
//! | the server's wait is not heard | tower-resilience, gobreaker | `behaviour`: `the_servers_wait_is_a_floor` |
//! | jitter that is gone at the cap | linkerd | `vectors/open_time`: `open_time_grows_to_its_cap_and_jitter_only_adds` |
//! | one model's outage closes the whole provider | any without keys | `keyed`: `the_outage_of_one_host_leaves_the_others_alone` |
//!
//! Clocks that jump (resilience4j, Polly, Hystrix and failsafe-go read the wall's) have no test of their
//! own: every test here runs on tokio's paused clock, which the wall's would not follow.

mod common;

use std::time::Duration;

use common::{Does, Provider, builder, call};
use tokio::time::{Instant, advance};
use tower::ServiceBuilder;
use tower_steady_circuit_breaker::{CircuitBreaker, CircuitBreakerLayer, CircuitOpen, State};

const SECOND: Duration = Duration::from_secs(1);

fn stack(layer: &CircuitBreakerLayer) -> CircuitBreaker<Provider> {
    ServiceBuilder::new()
        .layer(layer.clone())
        .service(Provider::default())
}

/// A circuit that two failures have opened.
async fn open(layer: &CircuitBreakerLayer) -> CircuitBreaker<Provider> {
    let service = stack(layer);
    for _ in 0..2 {
        call(&service, Does::Answers(500)).await.unwrap();
    }
    assert_eq!(layer.handle().state(), State::Open);
    service
}

/// A call that was sent before the trip and ends in whatever state the circuit is in by then. In
/// tower-resilience, resilience4j, Polly, failsafe-go and Hystrix a success closes a half-open circuit
/// and a failure opens it, while the probe is under way; linkerd takes the first that comes.
#[tokio::test(start_paused = true)]
async fn a_call_that_ends_in_a_later_state_changes_nothing() {
    let probes = [
        (State::Open, None),
        (State::HalfOpen, Some(Does::Hangs)),
        (State::Closed, Some(Does::Answers(200))),
    ];
    for (state, probe) in probes {
        for status in [200, 500, 429] {
            let layer = builder().build().unwrap();
            let circuit = layer.handle();
            let service = stack(&layer);
            let after = if probe.is_some() { 15 } else { 5 };
            let straggler = call(&service, Does::AnswersAfter(status, after * SECOND));
            let mut straggler = tokio_test::task::spawn(straggler);
            assert!(straggler.poll().is_pending());
            open(&layer).await;

            let probe = probe.clone().map(|does| call(&service, does));
            let mut probe = probe.map(tokio_test::task::spawn);
            if let Some(probe) = &mut probe {
                advance(10 * SECOND).await;
                let _ = probe.poll();
            }
            assert_eq!(circuit.state(), state);
            let before = circuit.watch().borrow().generation;
            straggler.await.unwrap();
            assert_eq!(
                circuit.watch().borrow().generation,
                before,
                "{state} {status}"
            );
            assert_eq!(circuit.counts().stale, 1, "{state} {status}");
            let passes = call(&service, Does::Answers(200)).await.is_ok();
            assert_eq!(passes, state == State::Closed, "{state} {status}");
        }
    }
}

/// tower-resilience prunes the verdicts of probes by the age of its window, and has handed out their
/// slots for good: with answers that take longer than the window, it never closes.
#[tokio::test(start_paused = true)]
async fn probes_that_take_longer_than_the_window_close() {
    let layer = builder()
        .failure_rate(0.5)
        .window(SECOND)
        .probes(3)
        .success_threshold(3)
        .build()
        .unwrap();
    let service = open(&layer).await;
    advance(10 * SECOND).await;
    for number in 0..3 {
        assert_ne!(layer.handle().state(), State::Closed, "after {number}");
        call(&service, Does::AnswersAfter(200, 30 * SECOND))
            .await
            .unwrap();
    }
    assert_eq!(layer.handle().state(), State::Closed);
}

/// Envoy lets everybody back in when the time of an ejection is over, and ai-gateway when its window has
/// run empty, be the provider well or not.
#[tokio::test(start_paused = true)]
async fn time_alone_lets_one_probe_in_and_not_the_crowd() {
    let layer = builder().failure_rate(0.5).window(SECOND).build().unwrap();
    let service = open(&layer).await;
    advance(3600 * SECOND).await;
    assert_eq!(layer.handle().window().unwrap().calls, 0, "run empty");
    let mut crowd: Vec<_> = (0..100)
        .map(|_| tokio_test::task::spawn(call(&service, Does::Hangs)))
        .collect();
    let waiting = crowd
        .iter_mut()
        .filter_map(|call| call.poll().is_pending().then_some(()));
    assert_eq!(waiting.count(), 1);
    assert_eq!(service.get_ref().sent(), 2 + 1);
}

/// tower-resilience has those who meet a half-open circuit wait in steps of a millisecond.
#[tokio::test(start_paused = true)]
async fn a_refusal_takes_no_time_in_any_state() {
    let layer = builder().build().unwrap();
    let service = open(&layer).await;
    let refused_in = async |state| {
        assert_eq!(layer.handle().state(), state);
        let before = Instant::now();
        for _ in 0..100 {
            let error = call(&service, Does::Answers(200)).await.unwrap_err();
            assert_eq!(CircuitOpen::find(&error).unwrap().state(), state);
        }
        assert_eq!(before.elapsed(), Duration::ZERO, "{state}");
    };
    refused_in(State::Open).await;
    advance(10 * SECOND).await;
    let mut probe = tokio_test::task::spawn(call(&service, Does::Hangs));
    assert!(probe.poll().is_pending());
    refused_in(State::HalfOpen).await;
    layer.handle().force_open();
    refused_in(State::ForcedOpen).await;
}

/// gobreaker's shared breaker holds its lock while the request is under way, so that one call that hangs
/// holds up all others.
#[tokio::test(start_paused = true)]
async fn a_call_under_way_holds_up_nobody() {
    let layer = builder()
        .failure_rate(0.5)
        .slow_calls(SECOND, 0.5)
        .build()
        .unwrap();
    let (circuit, service) = (layer.handle(), stack(&layer));
    let mut hung = tokio_test::task::spawn(call(&service, Does::Hangs));
    assert!(hung.poll().is_pending());
    let before = Instant::now();
    call(&service, Does::Answers(200)).await.unwrap();
    call(&service, Does::Answers(500)).await.unwrap();
    assert_eq!(
        (circuit.counts().successes, circuit.counts().failures),
        (1, 1)
    );
    circuit.force_open();
    circuit.reset();
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(hung.poll().is_pending());
}

/// linkerd sends classes over a bounded channel and drops those that do not fit.
#[test]
fn a_burst_of_verdicts_is_counted_whole() {
    const TASKS: u64 = 8;
    const CALLS: u64 = 5_000;
    let layer = builder().failure_rate(0.5).build().unwrap();
    let circuit = layer.handle();
    circuit.force_closed();
    let service = stack(&layer);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build();
    runtime.unwrap().block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let service = service.clone();
                tokio::spawn(async move {
                    for number in 0..CALLS {
                        let status = if number % 2 == 0 { 500 } else { 200 };
                        call(&service, Does::Answers(status)).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let counts = circuit.counts();
    let half = TASKS * CALLS / 2;
    assert_eq!((counts.successes, counts.failures), (half, half));
    assert_eq!(counts.stale + counts.cancelled + counts.ignored, 0);
}

/// linkerd runs a task for each breaker: none of its verdicts counts where no runtime drives that.
#[test]
fn a_circuit_needs_no_task_and_no_runtime() {
    let layer = builder().build().unwrap();
    let service = stack(&layer);
    let now = |does| match tokio_test::task::spawn(call(&service, does)).poll() {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => panic!("it waits for something"),
    };
    for _ in 0..2 {
        now(Does::Answers(500)).unwrap();
    }
    let error = now(Does::Answers(200)).unwrap_err();
    assert!(CircuitOpen::find(&error).is_some());
    layer.handle().reset();
    now(Does::Answers(200)).unwrap();
}
