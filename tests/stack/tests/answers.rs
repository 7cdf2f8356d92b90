//! Through the canonical stack, over TCP: what is final reaches the server once, what passes is tried
//! again, and what the caller gets is the provider's own last answer, whole.

use std::time::Duration;

use stack::{Answered, Part, Parts, call, chat};
use tower_steady_core::{Class, VetoReason};
use tower_steady_testkit::{Answer, Provider, Script, Server, client, client_h2};

/// Calls a provider that plays `script`, in every version of HTTP.
async fn play(script: impl Into<Script>) -> [(Server, Answered); 2] {
    let script = script.into();
    let mut done = Vec::new();
    for client in [client(), client_h2()] {
        let server = Provider::new(script.clone()).serve().await.unwrap();
        let stack = Parts::default().canonical(client);
        let answered = call(&stack, chat(&server.url())).await.unwrap();
        done.push((server, answered));
    }
    done.try_into().unwrap()
}

/// Everything that `answer` says, and nothing lost.
fn assert_is(answered: &Answered, answer: &Answer, name: &str) {
    assert_eq!(answered.status, answer.status(), "{name}");
    assert_eq!(answered.body, answer.bytes(), "{name}");
    let length = answered.headers["content-length"].to_str().unwrap();
    assert_eq!(length, answer.bytes().len().to_string(), "{name}");
    assert_eq!(answered.headers["x-marker"], "kept", "{name}");
}

#[tokio::test(start_paused = true)]
async fn final_answers_reach_the_server_exactly_once() {
    for (name, answer, class) in [
        ("400", Answer::invalid_request(), Class::InvalidRequest),
        (
            "400, context",
            Answer::context_length(),
            Class::ContextLength,
        ),
        (
            "400, credit",
            Answer::credit_too_low(),
            Class::QuotaExhausted,
        ),
        ("401", Answer::unauthorized(), Class::Auth),
        ("403", Answer::forbidden(), Class::Permission),
        ("404", Answer::not_found(), Class::NotFound),
        ("422", Answer::unprocessable(), Class::InvalidRequest),
        (
            "429, quota",
            Answer::insufficient_quota(),
            Class::QuotaExhausted,
        ),
        (
            "429, told not to",
            Answer::rate_limited().header("x-should-retry", "false"),
            Class::RateLimited,
        ),
        (
            "501",
            Answer::new(501).body("not implemented"),
            Class::Unknown,
        ),
    ] {
        let answer = answer.header("x-marker", "kept");
        for (server, answered) in play([answer.clone(), Answer::ok_chat("too late")]).await {
            assert_eq!(server.calls().len(), 1, "{name}");
            assert_eq!(answered.class(), class, "{name}");
            assert_eq!(answered.elapsed, Duration::ZERO, "{name}");
            assert_is(&answered, &answer, name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_until_it_has_passed() {
    let good = Answer::ok_chat("Hello").header("x-marker", "kept");
    for (name, answer, at_least) in [
        ("429", Answer::rate_limited(), 0),
        ("429, told when", Answer::rate_limited().retry_after(7), 7),
        ("429, Anthropic", Answer::anthropic_rate_limited(3), 3),
        ("408", Answer::new(408), 0),
        ("409", Answer::new(409), 0),
        ("500", Answer::server_error(), 0),
        ("502", Answer::bad_gateway(), 0),
        ("503", Answer::unavailable(), 0),
        ("503, told when", Answer::unavailable().retry_after(11), 11),
        ("504", Answer::gateway_timeout(), 0),
        ("529", Answer::overloaded(), 0),
        ("closed", Answer::closed(), 0),
        ("reset", Answer::reset(), 0),
    ] {
        for (server, answered) in play([answer.clone(), good.clone()]).await {
            assert_eq!(server.calls().len(), 2, "{name}");
            assert!(answered.elapsed >= Duration::from_secs(at_least), "{name}");
            assert_is(&answered, &good, name);
            assert_eq!(answered.class(), Class::Success, "{name}");
            assert_eq!(answered.report.unwrap().sends(), 2, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_of_a_call_that_never_succeeds_arrives_whole() {
    for (name, answer, sends) in [
        ("429", Answer::rate_limited(), 5),
        ("500", Answer::server_error(), 3),
        ("503", Answer::unavailable(), 3),
        ("529", Answer::overloaded(), 3),
        ("502 page", Answer::bad_gateway(), 3),
    ] {
        let answer = answer.header("x-marker", "kept");
        for (server, answered) in play(answer.clone()).await {
            assert_eq!(server.calls().len(), sends, "{name}");
            assert_is(&answered, &answer, name);
            assert_eq!(answered.veto(), Some(VetoReason::Attempts), "{name}");
            let report = answered.report.unwrap();
            assert_eq!(report.sends(), sends, "{name}");
            let statuses = report
                .attempts
                .iter()
                .map(|attempt| attempt.status.unwrap());
            assert!(statuses.eq(vec![answer.status(); sends]), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_send_is_the_same_request() {
    for (server, _) in play([
        Answer::server_error(),
        Answer::overloaded(),
        Answer::ok_chat("Hi"),
    ])
    .await
    {
        let calls = server.calls();
        assert_eq!(calls.len(), 3);
        for call in &calls {
            assert_eq!(call.method, calls[0].method);
            assert_eq!(call.path(), "/v1/chat/completions");
            assert_eq!(call.headers, calls[0].headers);
            assert_eq!(call.text(), r#"{"model":"gpt-4o-mini"}"#);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_retried_and_found_open_again() {
    for client in [client(), client_h2()] {
        let server = Provider::new(Answer::ok_chat("Hello"))
            .serve()
            .await
            .unwrap();
        let stack = Parts::default().canonical(client);
        server.kill().await;
        let (answered, restarted) = tokio::join!(call(&stack, chat(&server.url())), async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            server.restart().await
        });
        restarted.unwrap();
        let answered = answered.unwrap();
        assert_eq!(answered.status, 200);
        let report = answered.report.unwrap();
        assert_eq!(report.attempts[0].class, Class::Transport);
        assert_eq!((report.sends(), server.calls().len()), (2, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_ends_in_the_error_of_the_client_itself() {
    let server = Provider::new(Answer::ok_chat("Hello"))
        .serve()
        .await
        .unwrap();
    server.kill().await;
    let stack = Parts::default().canonical(client());
    let error = call(&stack, chat(&server.url())).await.unwrap_err();

    let failure = tower_steady_core::Failure::find(&*error).unwrap();
    assert_eq!(failure.outcome().class, Class::Transport);
    assert!(!failure.outcome().sent, "nothing can have been processed");
    assert_eq!(failure.report().unwrap().sends(), 3);
    let client_error = failure
        .find_source::<hyper_util::client::legacy::Error>()
        .unwrap();
    assert!(client_error.is_connect());
}

/// What this file relies on: that each layer has its share in it.
#[tokio::test(start_paused = true)]
async fn without_classify_a_quota_is_retried_like_a_rate_limit() {
    let server = Provider::new(Answer::insufficient_quota())
        .serve()
        .await
        .unwrap();
    let order = Parts::all_but(&[Part::Classify]);
    let stack = Parts::default().stack(&order, client());
    call(&stack, chat(&server.url())).await.unwrap();
    assert_eq!(server.calls().len(), 5);
}
