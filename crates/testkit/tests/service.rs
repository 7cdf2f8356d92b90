//! The provider as a service, without sockets, and what it remembers.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tokio::time::{Instant, timeout};
use tower::{Service, ServiceExt};
use tower_steady_testkit::{
    Answer, AnswerBody, Call, Progress, Provider, ProviderService, ResponseFuture, Script, Server,
    Sse,
};

fn post(path: &str, body: &str) -> Request<Full<Bytes>> {
    let body = Full::from(Bytes::copy_from_slice(body.as_bytes()));
    Request::post(path).body(body).unwrap()
}

async fn send(provider: &Provider, path: &str, body: &str) -> io::Result<Response<AnswerBody>> {
    provider.service().oneshot(post(path, body)).await
}

async fn statuses(provider: &Provider, path: &str, calls: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..calls {
        let response = send(provider, path, "{}").await.unwrap();
        statuses.push(response.status().as_u16());
    }
    statuses
}

#[tokio::test]
async fn a_script_says_what_comes_after_its_last_answer() {
    let two = || Script::new([Answer::new(500), Answer::new(503)]);
    for (script, expected) in [
        (two(), [500, 503, 503, 503]),
        (two().then(Answer::new(200)), [500, 503, 200, 200]),
        (two().again(), [500, 503, 500, 503]),
        (
            two().times(1, Answer::new(529)).then(Answer::new(201)),
            [500, 503, 529, 201],
        ),
        (Script::new(Vec::<Answer>::new()), [200; 4]),
        (Script::new(Vec::<Answer>::new()).again(), [200; 4]),
        (
            Script::by(|call| Answer::new(500 + call.number as u16)),
            [501, 502, 503, 504],
        ),
    ] {
        assert_eq!(statuses(&Provider::new(script), "/", 4).await, expected);
    }
}

#[tokio::test]
async fn routes_models_and_predicates_have_scripts_of_their_own() {
    let provider = Provider::new(Answer::new(200))
        .route("/down", [Answer::new(500), Answer::new(502)])
        .model("small", Answer::new(429))
        .when(|call| call.text().contains("poison"), Answer::new(400));

    assert_eq!(statuses(&provider, "/down", 3).await, [500, 502, 502]);
    assert_eq!(statuses(&provider, "/up", 1).await, [200]);
    for (body, status) in [
        (r#"{"model":"small"}"#, 429),
        (r#"{"model":"large"}"#, 200),
        (r#"{"model":7}"#, 200),
        ("poison", 400),
    ] {
        assert_eq!(
            send(&provider, "/up", body)
                .await
                .unwrap()
                .status()
                .as_u16(),
            status
        );
    }
}

#[tokio::test]
async fn another_script_can_be_started_at_any_time() {
    let provider = Provider::new([Answer::new(500), Answer::new(503)]);
    assert_eq!(statuses(&provider, "/", 1).await, [500]);
    provider.play([Answer::new(200), Answer::new(201)]);
    assert_eq!(statuses(&provider, "/", 2).await, [200, 201]);
}

#[tokio::test]
async fn faults_are_io_errors_of_the_kinds_connections_have() {
    for (answer, kind) in [
        (Answer::refused(), io::ErrorKind::ConnectionRefused),
        (Answer::reset(), io::ErrorKind::ConnectionReset),
        (Answer::closed(), io::ErrorKind::UnexpectedEof),
        (
            Answer::new(200).cut_in_head(3),
            io::ErrorKind::UnexpectedEof,
        ),
    ] {
        let error = send(&Provider::new(answer), "/", "").await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
    let torn = Answer::new(200).body("0123456789").cut_after(4).abruptly();
    let mut body = send(&Provider::new(torn), "/", "")
        .await
        .unwrap()
        .into_body();
    assert_eq!(
        body.size_hint().exact(),
        Some(10),
        "what the head announced"
    );
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "0123"
    );
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_refusing_provider_receives_nothing() {
    let provider = Provider::new([Answer::refused(), Answer::new(200)]);
    assert!(send(&provider, "/", "secret").await.is_err());
    assert_eq!((provider.received(), provider.refused()), (0, 1));
    assert_eq!(statuses(&provider, "/", 1).await, [200]);
    assert_eq!(provider.calls()[0].number, 2);
}

#[tokio::test(start_paused = true)]
async fn time_passes_as_scripted_and_no_other() {
    let second = Duration::from_secs(1);
    let answer = Answer::new(200)
        .delay(20 * second)
        .chunk("a")
        .wait(300 * second)
        .chunk("b")
        .pace(2 * second);
    let provider = Provider::new(answer);
    let start = Instant::now();
    let response = send(&provider, "/", "").await.unwrap();
    assert_eq!(start.elapsed(), 20 * second);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!((start.elapsed(), &body[..]), (324 * second, &b"ab"[..]));
    assert_eq!(provider.calls()[0].at, start);

    let provider = Provider::new(Answer::hang());
    let day = 86_400 * second;
    assert!(timeout(day, send(&provider, "/", "")).await.is_err());
    assert_eq!(provider.calls()[0].progress, Progress::Dropped);
}

#[tokio::test]
async fn bodies_end_where_readers_stop() {
    // answer, announced length, frames, ended with the last frame
    for (answer, length, frames) in [
        (Answer::new(200), Some(0), 0),
        (
            Answer::ok_chat("Hello"),
            Some(Answer::ok_chat("Hello").bytes().len() as u64),
            1,
        ),
        (Answer::new(200).chunk("a").chunk("b"), None, 2),
        (Answer::grpc_ok(b"message"), None, 2),
        (Sse::openai().text("a").text("b").done().into(), None, 4),
    ] {
        let provider = Provider::new(answer);
        let response = send(&provider, "/", "").await.unwrap();
        let announced = response.headers().get("content-length").cloned();
        assert_eq!(announced, length.map(Into::into));
        let mut body = response.into_body();
        assert_eq!(body.size_hint().exact(), length);
        for _ in 0..frames {
            assert!(!body.is_end_stream());
            assert_eq!(provider.open(), 1);
            body.frame().await.unwrap().unwrap();
        }
        assert!(body.is_end_stream());
        assert_eq!(provider.calls()[0].progress, Progress::Done);
    }
}

#[tokio::test]
async fn the_record_has_everything_that_was_sent() {
    let provider = Provider::new(Answer::ok_chat("Hello"));
    let request = Request::put("/v1/x?key=1")
        .header("x-one", "1")
        .body(Full::<Bytes>::from("body"))
        .unwrap();
    let response = provider.service().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "req_0001");
    assert_eq!(provider.open(), 1, "its body is not read");
    drop(response);

    let calls = provider.wait_for(1).await;
    let call = &calls[0];
    assert_eq!(
        (call.method.as_str(), call.path(), call.header("x-one")),
        ("PUT", "/v1/x", Some("1"))
    );
    assert_eq!(
        (call.text(), call.whole, call.connection),
        ("body".to_owned(), true, None)
    );
    assert_eq!(call.status.unwrap(), 200);
    assert_eq!(call.progress, Progress::Dropped);

    assert_eq!(provider.take_calls().len(), 1);
    assert_eq!(provider.received(), 0);
}

#[tokio::test]
async fn an_answer_before_the_body_leaves_the_rest_unread() {
    let frames = || {
        let frame =
            |text: &'static str| Ok::<_, io::Error>(http_body::Frame::data(Bytes::from(text)));
        StreamBody::new(futures_util::stream::iter([
            frame("0123"),
            frame("4567"),
            frame("89"),
        ]))
    };
    for (answer, read) in [
        (Answer::new(413).before_body(), ""),
        (Answer::new(413).after_reading(5), "01234567"),
        (Answer::new(413), "0123456789"),
    ] {
        let provider = Provider::new(answer);
        let request = Request::post("/").body(frames()).unwrap();
        provider.service().oneshot(request).await.unwrap();
        let call = &provider.calls()[0];
        assert_eq!((call.text().as_str(), call.whole), (read, read.len() == 10));
    }
}

#[tokio::test]
async fn a_request_body_that_fails_ends_the_call_with_its_error() {
    let broken = futures_util::stream::iter([Err::<http_body::Frame<Bytes>, _>(io::Error::from(
        io::ErrorKind::BrokenPipe,
    ))]);
    let provider = Provider::new(Answer::new(200));
    let request = Request::post("/").body(StreamBody::new(broken)).unwrap();
    let error = provider.service().oneshot(request).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::BrokenPipe);
    assert!(!provider.calls()[0].whole);
}

#[tokio::test]
async fn a_problem_in_the_script_is_answered_and_recorded() {
    let provider = Provider::new(Answer::new(200).header("no name", "x").retry_after(1));
    let response = send(&provider, "/", "").await.unwrap();
    assert_eq!(response.status(), 500);
    let problem = "`no name` is no name of a header";
    assert_eq!(provider.calls()[0].problem.as_deref(), Some(problem));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains(problem));
}

#[tokio::test]
async fn a_call_without_readiness_is_told() {
    let provider = Provider::new(Answer::new(200));
    let mut service = provider.service();
    let request = || Request::new(Empty::<Bytes>::new());
    ServiceExt::<Request<Empty<Bytes>>>::ready(&mut service)
        .await
        .unwrap();
    let mut clone = service.clone();
    service.call(request()).await.unwrap();
    assert_eq!(provider.unready_calls(), 0);
    clone.call(request()).await.unwrap();
    service.call(request()).await.unwrap();
    assert_eq!(provider.unready_calls(), 2);
}

#[test]
fn the_streams_are_what_the_providers_send() {
    for (sse, events, last) in [
        (Sse::openai().text("a").done(), 3, "data: [DONE]\n\n"),
        (
            Sse::responses().text("a").done(),
            4,
            "\"type\":\"response.completed\"}\n\n",
        ),
        (
            Sse::anthropic().text("a").text("b").done(),
            8,
            "data: {\"type\":\"message_stop\"}\n\n",
        ),
        (
            Sse::openai().overloaded(),
            1,
            "\"type\":\"service_unavailable_error\"}}\n\n",
        ),
        (
            Sse::anthropic().overloaded(),
            3,
            "},\"type\":\"error\"}\n\n",
        ),
    ] {
        let text = String::from_utf8(Answer::from(sse).bytes().to_vec()).unwrap();
        assert_eq!(text.matches("data: ").count(), events, "{text}");
        assert!(text.ends_with(last), "{text}");
    }
}

#[test]
fn everything_can_be_sent_shared_and_printed() {
    fn shareable<T: Send + Sync + std::fmt::Debug>() {}
    fn sendable<T: Send + std::fmt::Debug>() {}
    shareable::<Answer>();
    shareable::<AnswerBody>();
    shareable::<Call>();
    shareable::<Provider>();
    shareable::<ProviderService>();
    shareable::<Script>();
    shareable::<Server>();
    sendable::<ResponseFuture>();
}
