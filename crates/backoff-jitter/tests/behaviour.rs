//! What callers and the layers below see of a call, on the paused clock.

mod common;

use std::time::Duration;

use http::{Method, Request, StatusCode};
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower_steady_backoff_jitter::{
    Jitter, MaxAttempts, NonIdempotent, Plan, Retry, RetryBuilder, RetryLayer, Schedule,
};
use tower_steady_core::{Attempt, Class, Deadline, Outcome, Report, VetoReason};

use self::common::*;

const SECOND: Duration = Duration::from_secs(1);

fn stack(layer: &RetryLayer, provider: &Provider) -> Retry<Cloning> {
    ServiceBuilder::new()
        .layer(layer.clone())
        .service(service(provider))
}

fn seeded() -> RetryLayer {
    RetryLayer::builder().seed(7).build().unwrap()
}

/// No jitter: the delays are the schedule's.
fn plain() -> RetryBuilder {
    RetryLayer::builder().jitter(Jitter::None)
}

fn until(left: Duration) -> Request<Body> {
    let mut request = request();
    let deadline = Deadline::at((Instant::now() + left).into_std());
    request.extensions_mut().insert(deadline);
    request
}

/// A script of twenty such answers, more than any limit here.
fn always(make: impl Fn() -> Play) -> Provider {
    Provider::script((0..20).map(|_| make()))
}

#[tokio::test(start_paused = true)]
async fn a_success_at_once_carries_no_note_and_clones_no_service() {
    let provider = Provider::new();
    let service = stack(&RetryLayer::new(), &provider);
    provider.reset_clones();
    let answer = call(service, request()).await;

    assert_eq!(provider.clones(), 0);
    assert_eq!(provider.seen()[0].note, None);
    assert!(answer.unwrap().extensions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_retry_takes_one_clone_and_a_note() {
    let provider = Provider::script([bare(503), whole(500)]);
    let service = stack(&seeded(), &provider);
    provider.reset_clones();
    let answer = call(service, request()).await;

    assert_eq!(provider.clones(), 2);
    let notes: Vec<_> = provider.seen().iter().map(|seen| seen.note).collect();
    // Nobody left a note on the first answer, so nobody knows whether a gate stood in the way.
    let expected = [
        None,
        Some(Attempt::new(2, false).after(Class::Overloaded)),
        Some(Attempt::new(3, true).after(Class::ServerError)),
    ];
    assert_eq!(notes, expected);
    assert_eq!(provider.seen()[2].body, "{}");
    assert_eq!(answer.as_ref().unwrap().status(), 200);
    assert_eq!(classes(&answer), ["overloaded", "server_error", "success"]);
    assert!(Outcome::note(&answer).is_none());
}

#[tokio::test(start_paused = true)]
async fn every_class_has_its_limit() {
    for (status, sends) in [
        (429, 5),
        (500, 3),
        (529, 3),
        (502, 3),
        (503, 3),
        (504, 3),
        (520, 3),
        (408, 3),
        (524, 3),
        (409, 3),
        (425, 3),
        (400, 1),
        (401, 1),
        (402, 1),
        (403, 1),
        (404, 1),
        (413, 1),
        (422, 1),
        (501, 1),
        (505, 1),
        (511, 1),
    ] {
        let provider = always(|| bare(status));
        let answer = call(stack(&seeded(), &provider), request()).await;
        assert_eq!(provider.sends(), sends, "{status}");
        assert_eq!(report(&answer).sends(), sends, "{status}");
        let expected = (sends > 1).then_some(VetoReason::Attempts);
        assert_eq!(veto(&answer), expected, "{status}");
        // The caller gets the last answer as it came.
        let mut answer = answer.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(read(answer.body_mut()), format!("body of {status}"));
    }
    for class in [Class::Timeout, Class::Transport] {
        let provider = always(|| error(class, true));
        let answer = call(stack(&seeded(), &provider), request()).await;
        assert_eq!((provider.sends(), report(&answer).sends()), (3, 3));
        assert_eq!(veto(&answer), Some(VetoReason::Attempts));
    }
}

#[tokio::test(start_paused = true)]
async fn presets_have_the_fields_numbers() {
    for (layer, status, sends) in [
        (RetryLayer::interactive(), 429, 3),
        (RetryLayer::interactive(), 503, 3),
        (RetryLayer::background(), 429, 6),
        (RetryLayer::background(), 503, 6),
        (RetryLayer::background(), 408, 6),
        (RetryLayer::background(), 400, 1),
    ] {
        let provider = always(|| bare(status));
        let _ = call(stack(&layer, &provider), request()).await;
        assert_eq!(provider.sends(), sends, "{layer:?} {status}");
    }
    for (layer, cap) in [
        (RetryLayer::interactive(), 30),
        (RetryLayer::new(), 60),
        (RetryLayer::background(), 60),
    ] {
        for (asked, sends) in [(cap, 2), (cap + 1, 1)] {
            let provider = Provider::script([wait(429, asked * SECOND)]);
            let _ = call(stack(&layer, &provider), request()).await;
            assert_eq!(provider.sends(), sends, "{layer:?} {asked}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_lowers_the_total_limit_and_never_raises_it() {
    for (asked, sends) in [(0, 1), (1, 1), (2, 2), (4, 4), (99, 5)] {
        let provider = always(|| bare(429));
        let mut request = request();
        request.extensions_mut().insert(MaxAttempts(asked));
        let answer = call(stack(&seeded(), &provider), request).await;
        assert_eq!(provider.sends(), sends, "{asked}");
        assert_eq!(veto(&answer), Some(VetoReason::Attempts));
    }
}

#[tokio::test(start_paused = true)]
async fn the_total_limit_holds_over_all_plans_and_each_plan_counts_its_own() {
    let scripts: [(&[u16], usize); 3] = [
        // Two of each: no plan is used up, the total is.
        (&[429, 500, 429, 500, 503, 503, 503], 5),
        (&[500, 429, 500, 429, 500, 500], 5),
        (&[500, 500, 500, 500], 3),
    ];
    for (statuses, sends) in scripts {
        let provider = Provider::script(statuses.iter().map(|status| bare(*status)));
        let _ = call(stack(&seeded(), &provider), request()).await;
        assert_eq!(provider.sends(), sends, "{statuses:?}");
    }
}

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

#[tokio::test(start_paused = true)]
async fn what_must_not_be_repeated_is_retried_only_where_it_was_not_processed() {
    let by_method = || {
        plain()
            .non_idempotent(|head| head.method == Method::POST)
            .build()
            .unwrap()
    };
    let marked = |mark| {
        let mut request = request();
        if mark {
            request.extensions_mut().insert(NonIdempotent);
        }
        request
    };
    for (layer, mark, sent, sends) in [
        (seeded(), true, true, 1),
        (seeded(), true, false, 2),
        (seeded(), false, true, 2),
        (by_method(), false, true, 1),
        (by_method(), false, false, 2),
    ] {
        let provider = Provider::script([error(Class::Transport, sent)]);
        let answer = call(stack(&layer, &provider), marked(mark)).await;
        assert_eq!(provider.sends(), sends, "{mark} {sent}");
        let expected = (sends == 1).then_some(VetoReason::NotIdempotent);
        assert_eq!(veto(&answer), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_have_been_processed_once_stays_so() {
    // The first try was sent, the others were not: the call was.
    let provider = Provider::script([
        error(Class::Transport, true),
        error(Class::Transport, false),
        error(Class::Transport, false),
    ]);
    let answer = call(stack(&seeded(), &provider), request()).await;
    assert!(outcome(&answer).sent);
}

#[tokio::test(start_paused = true)]
async fn the_server_overrules_the_class() {
    let again = noted(422, |outcome| outcome.transient = true);
    let provider = Provider::script([again]);
    let answer = call(stack(&seeded(), &provider), request()).await;
    assert_eq!(
        (provider.sends(), answer.unwrap().status()),
        (2, StatusCode::OK)
    );

    let never = noted(503, |outcome| outcome.transient = false);
    let provider = Provider::script([never]);
    let answer = call(stack(&seeded(), &provider), request()).await;
    assert_eq!((provider.sends(), veto(&answer)), (1, None));
}

#[tokio::test(start_paused = true)]
async fn an_inherited_attempt_is_removed_and_other_notes_go_down_every_time() {
    let provider = Provider::script([bare(503), bare(503)]);
    let mut request = until(60 * SECOND);
    let deadline = Deadline::of(request.extensions()).unwrap();
    request.extensions_mut().insert(Attempt::new(3, true));
    let answer = call(stack(&seeded(), &provider), request).await;
    assert!(answer.is_ok());
    let numbers: Vec<_> = provider
        .seen()
        .iter()
        .map(|seen| seen.note.map(|note| note.number))
        .collect();
    assert_eq!(numbers, [None, Some(2), Some(3)]);
    for seen in provider.seen() {
        assert_eq!(Deadline::of(&seen.head.extensions), Some(deadline));
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_says_what_each_try_was() {
    let first: Play = Box::new(|request| {
        let mut answer = wait(429, 2 * SECOND)(request)?;
        let id = "req_1".parse().unwrap();
        answer.headers_mut().insert("x-request-id", id);
        Ok(answer)
    });
    let provider =
        Provider::script([first, error(Class::Transport, true)]).takes(Duration::from_millis(300));
    let answer = call(stack(&plain().build().unwrap(), &provider), request()).await;

    let report = report(&answer);
    assert_eq!(report.sends(), 3);
    let [first, second, third] = &report.attempts[..] else {
        panic!("{report:?}");
    };
    assert_eq!(first.status, Some(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(first.wait, Some(2 * SECOND));
    assert_eq!(first.request_id.as_deref(), Some("req_1"));
    assert_eq!(first.slept, Duration::ZERO);
    assert_eq!(second.status, None);
    assert_eq!(second.slept, 2 * SECOND);
    assert_eq!(third.class, Class::Success);
    assert_eq!(third.slept, SECOND);
    assert_eq!(report.total_wait, 3 * SECOND);
    for attempt in &report.attempts {
        assert_eq!(attempt.elapsed, Duration::from_millis(300));
        assert!(!attempt.repaired);
    }
    assert_eq!(
        report.to_string(),
        "after 3 sends: rate_limited, transport, success"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_one_try_has_a_report_too() {
    let provider = Provider::script([bare(400)]);
    let answer = call(stack(&seeded(), &provider), request()).await;
    assert_eq!(classes(&answer), ["invalid_request"]);
    assert_eq!(outcome(&answer).class, Class::InvalidRequest);

    let provider = Provider::script([rejected(VetoReason::CircuitOpen)]);
    let answer = call(stack(&seeded(), &provider), request()).await;
    // Nothing was sent.
    assert_eq!(report(&answer).sends(), 0);
    assert!(!outcome(&answer).sent);
    assert_eq!(veto(&answer), Some(VetoReason::CircuitOpen));
}

/// tower-resilience and tensorzero multiply: 3 × 3 makes 9 there.
#[tokio::test(start_paused = true)]
async fn retries_in_retries_do_not_multiply() {
    let three = || plain().max_attempts(3).build().unwrap();
    for plays in [0, 1, 3, 20] {
        let provider = Provider::script((0..plays).map(|_| bare(429)));
        let service = ServiceBuilder::new()
            .layer(three())
            .layer(three())
            .layer(three())
            .service(service(&provider));
        let answer = call(service, request()).await;
        let sends = (plays + 1).min(3);
        assert_eq!(provider.sends(), sends);
        if plays == 0 {
            assert!(Report::of(&answer).is_none());
        } else {
            assert_eq!(report(&answer).sends(), sends);
        }
    }
}

/// A layer that loses the notes: the retry goes on by status, and what it sends is not said to be
/// paid, so that a budget below charges it itself.
#[tokio::test(start_paused = true)]
async fn where_notes_are_lost_no_repeat_claims_to_be_paid() {
    let gate = Counter::new(0);
    let provider = Provider::script([gated(&gate, bare(429)), gated(&gate, bare(429))]);
    let service = ServiceBuilder::new()
        .layer(seeded())
        .map_response(|response: http::Response<Body>| {
            let (parts, body) = response.into_parts();
            http::Response::builder()
                .status(parts.status)
                .body(body)
                .unwrap()
        })
        .service(service(&provider));
    let answer = call(service, request()).await;
    assert_eq!(answer.unwrap().status(), 200);
    let paid: Vec<_> = provider.seen()[1..]
        .iter()
        .map(|seen| seen.note.unwrap().paid)
        .collect();
    assert_eq!(paid, [false, false]);
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
