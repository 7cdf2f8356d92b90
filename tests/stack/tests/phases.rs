//! A connection that goes in each phase of an exchange, under the whole stack.

use std::time::Duration;

use stack::{Parts, call, chat};
use tower_steady_core::{Class, Failure};
use tower_steady_testkit::{Answer, Provider, Sse, client, client_h2};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_goes_before_the_answer_is_there_is_tried_again_and_nothing_later() {
    let page = "x".repeat(1 << 20);
    let plain = || {
        Answer::new(200)
            .header("content-type", "text/plain")
            .body(page.clone())
    };
    // name, answer, class of the first try where there is a second
    let cases = [
        ("before the head", Answer::closed(), Some(Class::Transport)),
        (
            "before the head, reset",
            Answer::reset(),
            Some(Class::Transport),
        ),
        (
            "while it waits",
            Answer::closed().delay(5 * SECOND),
            Some(Class::Transport),
        ),
        (
            "in the head",
            Answer::ok_chat("lost").cut_in_head(12),
            Some(Class::Transport),
        ),
        (
            "in the head, reset",
            Answer::ok_chat("lost").cut_in_head(12).abruptly(),
            Some(Class::Transport),
        ),
        (
            "in an error's body",
            Answer::unavailable().cut_after(9),
            Some(Class::Overloaded),
        ),
        // Until it is clear that a JSON answer is no error it is not handed on.
        (
            "at the start of a JSON answer",
            Answer::ok_chat("lost").cut_after(1),
            Some(Class::Transport),
        ),
        (
            "in a JSON answer",
            Answer::ok_chat("lost").cut_after(30),
            None,
        ),
        (
            "in a stream's preamble",
            Sse::anthropic().cut().into(),
            Some(Class::Transport),
        ),
        ("in a long answer", plain().cut_after(1 << 19), None),
        (
            "in a long answer, reset",
            plain().cut_after(1 << 19).abruptly(),
            None,
        ),
        (
            "in a stream",
            Sse::anthropic().text("Hel").cut().into(),
            None,
        ),
        (
            "in a final error's body",
            Answer::invalid_request().cut_after(9),
            None,
        ),
    ];
    for (name, answer, first) in cases {
        for (http, client) in [("h1", client()), ("h2", client_h2())] {
            let name = format!("{name}, {http}");
            let provider = Provider::new([answer.clone(), Answer::ok_chat("Hello")]);
            let server = provider.serve().await.unwrap();
            let parts = Parts::default();
            let result = call(&parts.canonical(client), chat(&server.url())).await;
            match first {
                Some(class) => {
                    let answered = result.expect(&name);
                    assert_eq!(answered.body, Answer::ok_chat("Hello").bytes(), "{name}");
                    let report = answered.report.unwrap();
                    assert_eq!(report.attempts[0].class, class, "{name}");
                    assert_eq!((report.sends(), server.calls().len()), (2, 2), "{name}");
                }
                None => {
                    result.expect_err(&name);
                    assert_eq!(server.calls().len(), 1, "{name}");
                }
            }
            server.provider().settled().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_killed_under_a_call_is_called_again() {
    for client in [client(), client_h2()] {
        let provider = Provider::new([Answer::hang(), Answer::ok_chat("Hello")]);
        let server = provider.serve().await.unwrap();
        let stack = Parts::default().canonical(client);
        let (answered, ()) = tokio::join!(call(&stack, chat(&server.url())), async {
            server.provider().wait_for(1).await;
            server.kill().await;
            server.restart().await.unwrap();
        });
        assert_eq!(answered.unwrap().status, 200);
        assert_eq!((server.calls().len(), server.accepted()), (2, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_died_in_the_pool_are_no_callers_concern() {
    for client in [client(), client_h2()] {
        let server = Provider::new(Answer::ok_chat("Hello"))
            .serve()
            .await
            .unwrap();
        let parts = Parts::default();
        let stack = parts.canonical(client);
        for _ in 0..3 {
            assert_eq!(call(&stack, chat(&server.url())).await.unwrap().status, 200);
            server.kill().await;
            server.restart().await.unwrap();
        }
        assert_eq!(server.calls().len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_http2_stream_was_not_processed_and_says_so() {
    let server = Provider::new(Answer::refused_stream())
        .serve()
        .await
        .unwrap();
    let error = call(
        &Parts::default().canonical(client_h2()),
        chat(&server.url()),
    )
    .await
    .unwrap_err();
    let failure = Failure::find(&*error).unwrap();
    assert_eq!(failure.outcome().class, Class::Transport);
    assert!(!failure.outcome().sent, "{failure:?}");
    assert_eq!(failure.report().unwrap().sends(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_loses_no_call() {
    for client in [client(), client_h2()] {
        let provider = Provider::new(Answer::ok_chat("Hello").delay(SECOND));
        let server = provider.serve().await.unwrap();
        let stack = Parts::default().canonical(client);
        let (answered, ()) = tokio::join!(call(&stack, chat(&server.url())), async {
            server.provider().wait_for(1).await;
            server.stop().await;
            server.restart().await.unwrap();
        });
        assert_eq!(answered.unwrap().status, 200);
        assert_eq!(call(&stack, chat(&server.url())).await.unwrap().status, 200);
        assert_eq!(server.calls().len(), 2);
    }
}
