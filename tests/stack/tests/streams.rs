//! Streams through the stack: retried before their output, never after it, and judged at their end.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use stack::{BoxService, Parts, RequestBody, ResponseBody, call, chat};
use tower::{Service, ServiceExt};
use tower_steady_circuit_breaker::{CircuitBreakerLayer, State};
use tower_steady_core::{BoxError, Class, StreamOutcome};
use tower_steady_testkit::{Answer, Provider, Script, Sse, client, client_h2};

const SECOND: Duration = Duration::from_secs(1);

async fn open(stack: &BoxService, url: &str) -> Result<http::Response<ResponseBody>, BoxError> {
    stack.clone().ready().await?.call(chat(url)).await
}

#[tokio::test(start_paused = true)]
async fn an_error_before_the_output_is_tried_again() {
    let good = || Sse::openai().text("Hel").text("lo").done();
    let openai_late_start = Sse::openai().comment("OPENROUTER PROCESSING").overloaded();
    for (name, bad, sends) in [
        ("openai", Sse::openai().server_error(), 2),
        ("after a comment", openai_late_start, 2),
        ("responses", Sse::responses().server_error(), 2),
        ("responses, rate limit", Sse::responses().rate_limited(), 2),
        ("anthropic", Sse::anthropic().overloaded(), 2),
        ("anthropic, rate limit", Sse::anthropic().rate_limited(), 2),
        ("cut before output", Sse::anthropic().cut(), 2),
        ("quota", Sse::responses().insufficient_quota(), 1),
    ] {
        for client in [client(), client_h2()] {
            let server = Provider::new([bad.clone(), good()]).serve().await.unwrap();
            let stack = Parts::default().canonical(client);
            let answered = call(&stack, chat(&server.url())).await.unwrap();
            assert_eq!(server.calls().len(), sends, "{name}");
            if sends == 2 {
                assert_eq!(answered.body, Answer::from(good()).bytes(), "{name}");
            } else {
                assert_eq!(answered.body, Answer::from(bad.clone()).bytes(), "{name}");
                assert_eq!(answered.class(), Class::QuotaExhausted, "{name}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_output_a_stream_is_never_tried_again_but_counted() {
    for (name, sse, ends_well) in [
        ("error", Sse::openai().text("Hel").server_error(), true),
        (
            "error, responses",
            Sse::responses().text("Hel").server_error(),
            true,
        ),
        (
            "error, anthropic",
            Sse::anthropic().text("Hel").overloaded(),
            true,
        ),
        ("no terminal event", Sse::anthropic().text("Hel"), true),
        ("cut", Sse::openai().text("Hel").cut(), false),
    ] {
        let server = Provider::new(sse.clone()).serve().await.unwrap();
        let parts = Parts::default();
        let result = call(&parts.canonical(client()), chat(&server.url())).await;
        assert_eq!(server.calls().len(), 1, "{name}");
        assert_eq!(result.is_ok(), ends_well, "{name}");
        if let Ok(answered) = result {
            assert_eq!(answered.body, Answer::from(sse).bytes(), "{name}");
        }
        let counts = parts.breaker.handle().counts();
        assert_eq!((counts.failures, counts.successes), (1, 0), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn grpc_is_judged_by_its_status_wherever_that_stands() {
    const UNAVAILABLE: u32 = 14;
    const INVALID_ARGUMENT: u32 = 3;
    // name, answer, sends, (successes, failures) of the circuit: who says that a request is wrong is
    // well
    for (name, answer, sends, counts) in [
        ("ok", Answer::grpc_ok(b"message"), 1, (1, 0)),
        (
            "trailers only",
            Answer::grpc_error(UNAVAILABLE, "busy"),
            2,
            (1, 1),
        ),
        (
            "final",
            Answer::grpc_error(INVALID_ARGUMENT, "no"),
            1,
            (1, 0),
        ),
        (
            "in trailers after a message",
            Answer::grpc_then(b"m", UNAVAILABLE, "busy"),
            1,
            (0, 1),
        ),
    ] {
        let server = Provider::new([answer, Answer::grpc_ok(b"late")])
            .serve()
            .await
            .unwrap();
        let parts = Parts::default();
        call(&parts.canonical(client_h2()), chat(&server.url()))
            .await
            .unwrap();
        assert_eq!(server.calls().len(), sends, "{name}");
        let seen = parts.breaker.handle().counts();
        assert_eq!((seen.successes, seen.failures), counts, "{name}");
    }
}

/// A stack whose circuit is half-open and wants five good probes.
async fn half_open(script: impl Into<Script>) -> (Provider, Parts) {
    let breaker = CircuitBreakerLayer::builder()
        .consecutive_failures(1)
        .open_for(SECOND)
        .jitter(0.0)
        .probes(5)
        .build()
        .unwrap();
    let parts = Parts {
        breaker,
        ..Parts::default()
    };
    let provider = Provider::new(Answer::server_error().header("x-should-retry", "false"));
    let stack = parts.canonical(provider.service());
    call(&stack, chat("http://provider")).await.unwrap();
    assert_eq!(parts.breaker.handle().state(), State::Open);
    tokio::time::sleep(SECOND).await;
    provider.play(script);
    (provider, parts)
}

async fn read_until(body: &mut ResponseBody, end: &[u8]) {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let frame = body.frame().await.expect("more").unwrap();
        read.extend_from_slice(&frame.into_data().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn streams_read_to_their_terminal_event_and_dropped_close_the_circuit() {
    // What comes after the terminal event is never read.
    for (sse, end) in [
        (Sse::openai().text("Hi").done().hang(), &b"[DONE]\n\n"[..]),
        (
            Sse::anthropic().text("Hi").done().hang(),
            b"\"message_stop\"}\n\n",
        ),
    ] {
        let (provider, parts) = half_open(sse).await;
        let server = provider.serve().await.unwrap();
        let stack = parts.canonical(client());
        for probe in 1..=5 {
            let mut body = open(&stack, &server.url()).await.unwrap().into_body();
            read_until(&mut body, end).await;
            drop(body);
            let expected = if probe == 5 {
                State::Closed
            } else {
                State::HalfOpen
            };
            assert_eq!(parts.breaker.handle().state(), expected, "probe {probe}");
        }
        assert_eq!(parts.breaker.handle().counts().cancelled, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn unfinished_streams_that_are_dropped_are_no_verdict() {
    let (provider, parts) = half_open(Sse::openai().text("Hi").hang()).await;
    let stack = parts.canonical(provider.service());
    for _ in 0..10 {
        let mut body = open(&stack, "http://provider").await.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
    }
    assert_eq!(parts.breaker.handle().state(), State::HalfOpen);
    let counts = parts.breaker.handle().counts();
    assert_eq!((counts.successes, counts.cancelled), (0, 10));
}

#[tokio::test(start_paused = true)]
async fn unread_answers_close_the_circuit() {
    let (provider, parts) = half_open(Answer::ok_chat("Hello")).await;
    let server = provider.serve().await.unwrap();
    let stack = parts.canonical(client());
    for _ in 0..5 {
        drop(open(&stack, &server.url()).await.unwrap());
    }
    assert_eq!(parts.breaker.handle().state(), State::Closed);
}

async fn proxy(Shared((stack, url)): Shared<(BoxService, String)>, request: Request) -> Response {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let request = http::Request::post(url)
        .body(RequestBody::from(body))
        .unwrap();
    let mut stack = stack.clone();
    let response = stack.ready().await.unwrap().call(request).await.unwrap();
    response.map(Body::new)
}

#[tokio::test(start_paused = true)]
async fn answers_proxied_through_a_server_close_the_circuit() {
    // hyper stops at `is_end_stream` where the length is known, and reads no further.
    for answer in [
        Answer::ok_chat("Hello"),
        Sse::openai().text("Hello").done().into(),
        Answer::new(200).chunk("chunked").chunk("plain"),
        Answer::new(204),
    ] {
        let (provider, parts) = half_open(answer.clone()).await;
        let upstream = provider.serve().await.unwrap();
        let state = (parts.canonical(client()), upstream.url());
        let app = Router::new().route("/", post(proxy)).with_state(state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await });

        let caller = client();
        for _ in 0..5 {
            let request = http::Request::post(&url)
                .body(Full::<Bytes>::from("{}"))
                .unwrap();
            let response = caller.request(request).await.unwrap();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, answer.bytes());
        }
        // The server's side of the last stream may end a little later than the client's.
        let handle = parts.breaker.handle();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(handle.state(), State::Closed, "{answer:?}");
        assert_eq!(handle.counts().cancelled, 0, "{answer:?}");
        server.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_chunks_and_hints_of_a_stream_are_the_providers() {
    let chunks = [
        "data: {\"choices\":[{\"del",
        "ta\":{\"content\":\"H\"}}]}\n",
        "\nda",
        "ta: [DONE]\n\n",
    ];
    let sse = chunks.iter().fold(Sse::new(), |sse, chunk| sse.raw(*chunk));
    let provider = Provider::new(sse);
    let stack = Parts::default().canonical(provider.service());
    let response = open(&stack, "http://provider").await.unwrap();
    let stream = response
        .extensions()
        .get::<StreamOutcome>()
        .cloned()
        .unwrap();
    assert!(stream.has_output());
    let mut body = response.into_body();
    for chunk in chunks {
        assert!(!body.is_end_stream());
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), chunk);
    }
    assert!(body.is_end_stream());
    assert_eq!(stream.verdict().unwrap().class, Class::Success);
}
