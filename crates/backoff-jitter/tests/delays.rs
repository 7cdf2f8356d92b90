//! How long a retry waits: by plan, by the server's word, and never past the deadline.

mod common;

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower_steady_backoff_jitter::{Plan, RetryLayer, Schedule};
use tower_steady_core::{Class, VetoReason};

use self::common::layers::*;
use self::common::*;

#[tokio::test(start_paused = true)]
async fn delays_follow_the_plan_of_class_and_status() {
    let seconds =
        |numbers: &[u64]| -> Vec<_> { numbers.iter().map(|n| Duration::from_millis(*n)).collect() };
    for (status, gaps) in [
        (429, &[1_000, 2_000, 4_000, 8_000][..]),
        (500, &[1_000, 2_000]),
        (529, &[1_000, 2_000]),
        (502, &[2_000, 4_000]),
        (503, &[2_000, 4_000]),
        (504, &[2_000, 4_000]),
        (408, &[1_000, 2_000]),
        (409, &[500, 1_000]),
    ] {
        let provider = always(|| bare(status));
        let _ = call(stack(&plain().build().unwrap(), &provider), request()).await;
        assert_eq!(provider.gaps(), seconds(gaps), "{status}");
    }
    // A 503 that the body makes a rate limit is waited for like one.
    let provider = Provider::script([noted(503, |outcome| outcome.class = Class::RateLimited)]);
    let _ = call(stack(&plain().build().unwrap(), &provider), request()).await;
    assert_eq!(provider.gaps(), seconds(&[1_000]));
}

#[tokio::test(start_paused = true)]
async fn a_plan_replaces_the_defaults_refinements_too() {
    let plan = Plan::new(Schedule::fixed(SECOND), 2);
    let at_503 = Plan::new(Schedule::fixed(3 * SECOND), 4);
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    for (layer, sends) in [
        (plain().plan(Class::Overloaded, plan), 2),
        (
            plain().plan(Class::Overloaded, plan).plan_for_status(
                Class::Overloaded,
                unavailable,
                at_503,
            ),
            4,
        ),
        (plain().plan(Class::Overloaded, Plan::never()), 1),
    ] {
        let provider = always(|| bare(503));
        let _ = call(stack(&layer.build().unwrap(), &provider), request()).await;
        assert_eq!(provider.sends(), sends);
    }
}

#[tokio::test(start_paused = true)]
async fn one_schedule_for_all_plans_leaves_their_limits() {
    let quick = Schedule::fixed(SECOND / 100);
    for (status, sends) in [(429, 5), (500, 3), (503, 3), (408, 3)] {
        let layer = plain().cap(SECOND / 10).schedule(quick).build().unwrap();
        let provider = always(|| bare(status));
        let _ = call(stack(&layer, &provider), request()).await;
        assert_eq!(provider.gaps(), vec![SECOND / 100; sends - 1], "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_retry_at_once_takes_no_time_but_for_the_servers_wait() {
    let plan = Plan::new(Schedule::exponential(SECOND), 4).first_at_once();
    let layer = plain().plan(Class::RateLimited, plan).build().unwrap();
    let provider = Provider::script([bare(429), bare(429), bare(429)]);
    let _ = call(stack(&layer, &provider), request()).await;
    assert_eq!(provider.gaps(), [Duration::ZERO, SECOND, 2 * SECOND]);

    let provider = Provider::script([wait(429, 5 * SECOND)]);
    let _ = call(stack(&layer, &provider), request()).await;
    assert_eq!(provider.gaps(), [5 * SECOND]);
}

/// The hint is a floor with the window on top (backon's recipe and the SDKs take it exactly, and a
/// crowd comes back as one; a symmetric jitter comes back too early).
#[tokio::test(start_paused = true)]
async fn a_servers_wait_is_a_floor_with_jitter_on_top() {
    let layer = seeded();
    let mut gaps = Vec::new();
    for _ in 0..50 {
        let provider = Provider::script([wait(429, 10 * SECOND)]);
        let _ = call(stack(&layer, &provider), request()).await;
        gaps.extend(provider.gaps());
    }
    // The timer rounds up to a millisecond.
    let most = 11 * SECOND + Duration::from_millis(1);
    assert!(gaps.iter().all(|gap| (10 * SECOND..=most).contains(gap)));
    let (first, last) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
    assert!(*last - *first > SECOND / 2, "{first:?} {last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_minimum_raises_the_servers_wait_and_no_other() {
    let layer = plain().min_wait(3 * SECOND).build().unwrap();
    for (play, gap) in [
        (wait(429, SECOND), 3 * SECOND),
        (wait(429, 4 * SECOND), 4 * SECOND),
        (bare(429), SECOND),
    ] {
        let provider = Provider::script([play]);
        let _ = call(stack(&layer, &provider), request()).await;
        assert_eq!(provider.gaps(), [gap]);
    }
}

/// async-openai sleeps any `Retry-After`; Anthropic's and Groq's SDKs retry a long one after half a
/// second. Neither: fail now and say how long.
#[tokio::test(start_paused = true)]
async fn a_wait_over_the_cap_ends_the_call_at_once_and_says_how_long() {
    for asked in [61 * SECOND, 86_400 * SECOND, Duration::MAX] {
        let provider = Provider::script([wait(429, asked)]);
        let start = Instant::now();
        let answer = call(stack(&seeded(), &provider), request()).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(provider.sends(), 1);
        let veto = outcome(&answer).veto.unwrap();
        assert_eq!(veto.reason(), VetoReason::WaitOverCap);
        assert_eq!(veto.time_left(), Some(asked));
        assert_eq!(answer.unwrap().status(), 429);
    }
}

/// grpc-go sleeps into the deadline, failsafe-go shortens the sleep and sends a doomed attempt.
#[tokio::test(start_paused = true)]
async fn the_deadline_is_looked_at_before_sleeping() {
    let layer = || plain().min_attempt(2 * SECOND).build().unwrap();
    for (left, asked, sends) in [(7, 5, 2), (6, 5, 1), (5, 5, 1), (3, 0, 2), (2, 0, 1)] {
        let provider = Provider::script([match asked {
            0 => bare(429),
            asked => wait(429, asked * SECOND),
        }]);
        let start = Instant::now();
        let answer = call(stack(&layer(), &provider), until(left * SECOND)).await;
        assert_eq!(provider.sends(), sends, "{left} {asked}");
        if sends == 1 {
            assert_eq!(start.elapsed(), Duration::ZERO, "{left} {asked}");
            let veto = outcome(&answer).veto.unwrap();
            assert_eq!(veto.reason(), VetoReason::Deadline);
            let hint = (asked > 0).then_some(asked * SECOND);
            assert_eq!(veto.time_left(), hint);
        }
    }
    // A deadline that has passed, or that no wait can reach.
    for left in [Duration::ZERO, Duration::from_nanos(1)] {
        let provider = always(|| bare(429));
        let answer = call(stack(&seeded(), &provider), until(left)).await;
        assert_eq!(
            (provider.sends(), veto(&answer)),
            (1, Some(VetoReason::Deadline))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_is_tried_until_the_deadline_has_no_room_for_more() {
    let plan = Plan::new(Schedule::exponential(SECOND / 4), 5);
    let layer = plain().plan(Class::Timeout, plan).build().unwrap();
    // Each try is cut after 4 s by a timer below.
    let provider = always(|| error(Class::Timeout, true)).takes(4 * SECOND);
    let start = Instant::now();
    let answer = call(stack(&layer, &provider), until(10 * SECOND)).await;

    // The third try, cut at the deadline by the timer in a full stack, is still worth its time.
    assert_eq!(provider.sends(), 3);
    assert_eq!(provider.seen()[2].at, Duration::from_millis(8_750));
    assert!(start.elapsed() <= 13 * SECOND);
    assert_eq!(veto(&answer), Some(VetoReason::Deadline));
    let elapsed: Vec<_> = report(&answer)
        .attempts
        .iter()
        .map(|try_| try_.elapsed)
        .collect();
    assert_eq!(elapsed, [4 * SECOND; 3]);
}

/// tower's timer takes a whole tick for a zero delay; ours needs neither a tick nor a runtime.
#[test]
fn a_zero_delay_needs_no_timer() {
    let plan = Plan::new(Schedule::fixed(Duration::ZERO), 5);
    let layer = RetryLayer::builder()
        .plan(Class::Overloaded, plan)
        .build()
        .unwrap();
    let provider = always(|| bare(529));
    let service = stack(&layer, &provider);
    let mut call = tokio_test::task::spawn(call(service, request()));
    let std::task::Poll::Ready(answer) = call.poll() else {
        panic!("pending");
    };
    assert_eq!(report(&answer).sends(), 5);
}

/// linkerd and tower-resilience keep the readied service, and a shared limit starves.
#[tokio::test(start_paused = true)]
async fn a_wait_holds_no_permit_of_a_limit_below() {
    let provider = Provider::script([wait(429, 30 * SECOND)]);
    let service = ServiceBuilder::new()
        .layer(seeded())
        .concurrency_limit(1)
        .service(service(&provider));
    let mut asleep = tokio_test::task::spawn(call(service.clone(), request()));
    assert!(asleep.poll().is_pending());
    let start = Instant::now();
    assert!(call(service, request()).await.is_ok());
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(asleep.await.is_ok());
    assert_eq!(provider.sends(), 3);
}
