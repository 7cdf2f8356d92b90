//! Deadlines and attempt timeouts inside a breaker, against providers that hang.

use std::time::Duration;

use http_body_util::BodyExt;
use stack::{Part, Parts, call, chat};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;
use tower_steady_backoff_jitter::{Jitter, Plan, RetryLayer, Schedule};
use tower_steady_circuit_breaker::State;
use tower_steady_core::{Class, Failure, Outcome, VetoReason};
use tower_steady_deadline::{AttemptElapsed, AttemptTimeoutLayer, DeadlineLayer};
use tower_steady_testkit::{Answer, Provider, Sse, client, client_h2};

const SECOND: Duration = Duration::from_secs(1);

/// 10 s in all, 4 s an attempt, and hardly a wait between them.
fn ten_in_fours() -> Parts {
    let plan = Plan::new(Schedule::fixed(SECOND / 10), 5).jitter(Jitter::None);
    Parts {
        deadline: DeadlineLayer::builder()
            .timeout(10 * SECOND)
            .build()
            .unwrap(),
        retry: RetryLayer::builder()
            .plan(Class::Timeout, plan)
            .build()
            .unwrap(),
        timeouts: AttemptTimeoutLayer::builder()
            .headers(4 * SECOND)
            .build()
            .unwrap(),
        ..Parts::default()
    }
}

#[tokio::test(start_paused = true)]
async fn ten_seconds_in_fours_are_three_attempts_and_three_failures() {
    for sockets in [false, true] {
        let provider = Provider::new(Answer::hang());
        let server = provider.serve().await.unwrap();
        let parts = ten_in_fours();
        let stack = match sockets {
            false => parts.canonical(provider.service()),
            true => parts.canonical(client()),
        };
        let start = Instant::now();
        let error = call(&stack, chat(&server.url())).await.unwrap_err();
        let took = start.elapsed();

        assert!((9 * SECOND..=10 * SECOND).contains(&took), "{took:?}");
        assert_eq!(provider.received(), 3);
        let failure = Failure::find(&*error).unwrap();
        assert_eq!(failure.outcome().class, Class::Timeout);
        assert!(failure.outcome().veto.is_some());
        assert!(
            failure.find_source::<AttemptElapsed>().is_some(),
            "names its timer"
        );
        let report = failure.report().expect("the report is intact");
        let classes: Vec<_> = report
            .attempts
            .iter()
            .map(|attempt| attempt.class)
            .collect();
        assert_eq!(classes, [Class::Timeout; 3]);

        let counts = parts.breaker.handle().counts();
        assert_eq!((counts.failures, counts.cancelled), (3, 0));
        provider.settled().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_opens_the_circuit() {
    let provider = Provider::new(Answer::hang());
    let parts = ten_in_fours();
    let stack = parts.canonical(provider.service());
    call(&stack, chat("http://provider")).await.unwrap_err();
    call(&stack, chat("http://provider")).await.unwrap_err();
    assert_eq!(parts.breaker.handle().state(), State::Open);
    assert_eq!(provider.received(), 5, "five failures in a row");

    let start = Instant::now();
    let error = call(&stack, chat("http://provider")).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(
        Failure::find(&*error).unwrap().outcome().class,
        Class::Rejected
    );
    assert_eq!(provider.received(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_tried_again_and_may_end_well() {
    for client in [client(), client_h2()] {
        let server = Provider::new([Answer::hang(), Answer::ok_chat("Hello")])
            .serve()
            .await
            .unwrap();
        let parts = ten_in_fours();
        let answered = call(&parts.canonical(client), chat(&server.url()))
            .await
            .unwrap();
        assert_eq!(answered.status, 200);
        let report = answered.report.unwrap();
        assert_eq!(
            (report.attempts[0].class, report.sends()),
            (Class::Timeout, 2)
        );
        assert!(answered.elapsed >= 4 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_past_the_deadline_fails_at_once_and_keeps_the_answer() {
    let answer = Answer::rate_limited().retry_after(15);
    let provider = Provider::new(answer.clone());
    let stack = ten_in_fours().canonical(provider.service());
    let answered = call(&stack, chat("http://provider")).await.unwrap();
    assert_eq!(answered.elapsed, Duration::ZERO);
    assert_eq!(answered.veto(), Some(VetoReason::Deadline));
    assert_eq!(answered.body, answer.bytes());
    assert_eq!(provider.received(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_stalls_before_its_output_is_tried_again() {
    let stalled = Sse::anthropic().comment("keep-alive").hang();
    let provider = Provider::new([stalled, Sse::anthropic().text("Hello").done()]);
    let timeouts = AttemptTimeoutLayer::builder()
        .first_output(4 * SECOND)
        .build()
        .unwrap();
    let parts = Parts {
        timeouts,
        ..Parts::default()
    };
    let answered = call(&parts.canonical(provider.service()), chat("http://p"))
        .await
        .unwrap();
    assert!(answered.body.ends_with(b"\"message_stop\"}\n\n"));
    assert_eq!(provider.received(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_stalls_after_its_output_fails_and_counts() {
    let stalled = Sse::openai().text("Hel").hang();
    let provider = Provider::new(stalled);
    let timeouts = AttemptTimeoutLayer::builder()
        .idle(30 * SECOND)
        .build()
        .unwrap();
    let parts = Parts {
        timeouts,
        ..Parts::default()
    };
    let stack = parts.canonical(provider.service());
    let start = Instant::now();
    let ended = timeout(3600 * SECOND, call(&stack, chat("http://p"))).await;
    ended.expect("the idle timer ends it").unwrap_err();
    assert_eq!(start.elapsed(), 30 * SECOND);
    assert_eq!(provider.received(), 1, "output has begun: never again");
    let counts = parts.breaker.handle().counts();
    assert_eq!((counts.failures, counts.cancelled), (1, 0));
}

/// The head has said it all; the body begins, and then nothing comes any more.
fn refusal_that_hangs() -> Answer {
    Answer::rate_limited().retry_after(30).hang_after(9)
}

/// Each timer that is shorter than classify's look at an error body, one second each.
fn short_timers() -> [(&'static str, Parts, Part); 3] {
    let timeouts = AttemptTimeoutLayer::builder;
    let parts = |deadline, timeouts| Parts {
        deadline,
        timeouts,
        ..Parts::default()
    };
    let attempt = |timeouts| parts(DeadlineLayer::new(), timeouts);
    let deadline = DeadlineLayer::builder().timeout(SECOND).build().unwrap();
    [
        (
            "headers",
            attempt(timeouts().headers(SECOND).build().unwrap()),
            Part::Timeouts,
        ),
        (
            "first output",
            attempt(timeouts().first_output(SECOND).build().unwrap()),
            Part::Timeouts,
        ),
        (
            "deadline",
            parts(deadline, AttemptTimeoutLayer::new()),
            Part::Deadline,
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_refusal_whose_body_hangs_is_not_lost_to_a_shorter_timer() {
    for (timer, parts, part) in short_timers() {
        let refusal = refusal_that_hangs();
        let provider = Provider::new(refusal.clone());
        let order = [part, Part::RetryAfter, Part::Classify];
        let stack = parts.stack(&order, provider.service());
        let start = Instant::now();
        let answer = stack.oneshot(chat("http://p")).await;
        assert_eq!(start.elapsed(), SECOND, "{timer}");
        let outcome = Outcome::read(&answer);
        assert_eq!(outcome.class, Class::RateLimited, "{timer}");
        assert_eq!(outcome.wait, Some(30 * SECOND), "{timer}");
        let mut body = answer.unwrap().into_body();
        let arrived = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(arrived, refusal.bytes()[..9], "{timer}: what has arrived");
    }
}

#[tokio::test]
async fn a_refusal_whose_body_hangs_on_a_socket_is_not_lost_to_a_shorter_timer() {
    for client in [client(), client_h2()] {
        for (timer, parts, part) in short_timers() {
            let server = Provider::new(refusal_that_hangs()).serve().await.unwrap();
            // The clock may run ahead only once the head is there.
            let (seen, mut heads) = mpsc::unbounded_channel();
            let client = client.clone().map_response(move |response| {
                seen.send(()).unwrap();
                response
            });
            let stack = parts.stack(&[part, Part::RetryAfter, Part::Classify], client);
            let answer = tokio::spawn(stack.oneshot(chat(&server.url())));
            heads.recv().await.unwrap();
            tokio::time::pause();
            let answer = answer.await.unwrap();
            tokio::time::resume();
            assert_eq!(answer.as_ref().unwrap().status(), 429, "{timer}");
            assert_eq!(Outcome::read(&answer).class, Class::RateLimited, "{timer}");
        }
    }
}

/// An answer that begins is another thing: nobody can tell yet that it is none.
#[tokio::test(start_paused = true)]
async fn a_stream_that_a_timer_finds_without_output_has_timed_out() {
    for (timer, parts, part) in short_timers() {
        let provider = Provider::new(Sse::openai().comment("keep-alive").hang());
        let stack = parts.stack(&[part, Part::Classify], provider.service());
        let error = call(&stack, chat("http://p")).await.unwrap_err();
        let outcome = Failure::find(&*error).unwrap().outcome();
        assert_eq!(outcome.class, Class::Timeout, "{timer}");
    }
}
