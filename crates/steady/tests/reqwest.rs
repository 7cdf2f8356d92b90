//! The stack in front of reqwest, over real sockets, HTTP/1.1 and HTTP/2.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body as AxumBody;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{ServiceBuilder, ServiceExt};
use tower_steady::classify::ClassifyLayer;
use tower_steady::reqwest::ReqwestService;
use tower_steady::{BoxError, Class, Failure, Outcome, Report, Steady};
use tower_steady_testkit::{Answer, Progress, Provider, Sse};

fn builder(h2: bool) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().retry(reqwest::retry::never());
    match h2 {
        true => builder.http2_prior_knowledge(),
        false => builder,
    }
}

fn client(h2: bool) -> ReqwestService {
    builder(h2).build().unwrap().into()
}

fn chat(url: &str) -> Request<Full<Bytes>> {
    let request = Request::post(format!("{url}/v1/chat/completions"));
    request
        .header("authorization", "Bearer sk-test")
        .body(r#"{"model":"m"}"#.into())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_provider_is_asked_again() {
    for h2 in [false, true] {
        let provider = Provider::new([Answer::overloaded(), Answer::ok_chat("Hello")]);
        let server = provider.serve().await.unwrap();
        let llm = ServiceBuilder::new()
            .layer(Steady::interactive())
            .service(client(h2));

        let answer = llm.oneshot(chat(&server.url())).await;
        assert_eq!(Report::of(&answer).unwrap().sends(), 2, "h2: {h2}");
        let body = answer.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), Answer::ok_chat("Hello").bytes());

        for call in provider.calls() {
            assert_eq!(call.body, r#"{"model":"m"}"#);
            assert_eq!(call.headers["authorization"], "Bearer sk-test");
            assert_eq!(call.version == http::Version::HTTP_2, h2);
        }
        assert_eq!(server.accepted(), 1, "the connection is used again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_streamed_upload_of_a_body_that_is_not_sync_is_replayed() {
    for h2 in [false, true] {
        let provider = Provider::new([Answer::server_error(), Answer::ok_chat("Hello")]);
        let server = provider.serve().await.unwrap();
        let llm = ServiceBuilder::new()
            .layer(Steady::interactive().with_any_body())
            .service(client(h2));

        // A cell makes the stream `Send` and not `Sync`, as axum's body is.
        let count = std::cell::Cell::new(0);
        let chunks = stream::iter(["one ", "two ", "three"]).map(move |chunk| {
            count.set(count.get() + 1);
            Ok::<_, Infallible>(Frame::data(Bytes::from(chunk)))
        });
        let request = Request::post(server.url())
            .body(StreamBody::new(chunks))
            .unwrap();
        let answer = llm.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let bodies: Vec<_> = provider
            .calls()
            .iter()
            .map(|call| call.body.clone())
            .collect();
        assert_eq!(bodies, ["one two three"; 2], "h2: {h2}");
    }
}

type MakeBody = fn() -> AxumBody;

/// A body in memory, of one piece or of several.
struct Pieces(VecDeque<&'static str>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.pop_front();
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_followed_with_a_body_that_is_there_whole() {
    let streamed = || {
        let chunks = stream::iter([Ok::<_, Infallible>(Frame::data("prompt".into()))]);
        AxumBody::new(StreamBody::new(chunks))
    };
    let bodies: [(MakeBody, bool, bool); 4] = [
        (|| "prompt".into(), true, true),
        (|| AxumBody::new(Pieces(["prompt"].into())), true, true),
        (|| AxumBody::new(Pieces(["pro", "mpt"].into())), true, false),
        (streamed, false, false),
    ];
    for (case, (body, sized, follows)) in bodies.into_iter().enumerate() {
        for h2 in [false, true] {
            let moved = Answer::new(307).header("location", "/elsewhere");
            let provider = Provider::new([moved, Answer::ok_chat("Hello")]);
            let server = provider.serve().await.unwrap();
            let llm = ServiceBuilder::new()
                .layer(Steady::interactive().with_any_body())
                .service(client(h2));
            let request = Request::post(server.url()).body(body()).unwrap();
            let status = llm.oneshot(request).await.unwrap().status();

            let calls = provider.calls();
            let told = format!("case {case}, h2: {h2}");
            let (expected, paths): (u16, &[&str]) = match follows {
                true => (200, &["/", "/elsewhere"]),
                false => (307, &["/"]),
            };
            assert_eq!(status.as_u16(), expected, "{told}");
            let seen: Vec<_> = calls.iter().map(|call| call.path()).collect();
            assert_eq!(seen, paths, "{told}");
            for call in calls {
                assert_eq!(call.body, "prompt", "{told}");
                let length = call.headers.contains_key("content-length");
                assert_eq!(length, sized, "{told}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_body_is_sent_as_none() {
    let provider = Provider::new(Answer::new(200));
    let server = provider.serve().await.unwrap();
    let request = Request::get(server.url())
        .body(Full::<Bytes>::default())
        .unwrap();
    client(false).oneshot(request).await.unwrap();
    let calls = provider.calls();
    assert!(!calls[0].headers.contains_key("transfer-encoding"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_arrives_as_it_is_sent_and_a_dropped_one_ends_the_call() {
    for h2 in [false, true] {
        let provider = Provider::new(Sse::openai().text("one ").text("two ").hang());
        let server = provider.serve().await.unwrap();
        let llm = ServiceBuilder::new()
            .layer(Steady::interactive())
            .service(client(h2));

        let mut body = llm.oneshot(chat(&server.url())).await.unwrap().into_body();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("two ") {
            let frame = body.frame().await.unwrap().unwrap();
            seen.extend_from_slice(&frame.into_data().unwrap());
        }
        assert_eq!(provider.open(), 1, "it is not over yet");
        drop(body);
        let calls = provider.settled().await;
        assert_eq!(calls[0].progress, Progress::Dropped, "h2: {h2}");
    }
}

/// What classify makes of the error of one call.
async fn failure<B>(client: ReqwestService, request: Request<B>) -> Box<Failure>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let llm = ServiceBuilder::new()
        .layer(ClassifyLayer::new())
        .service(client);
    let error = llm
        .oneshot(request)
        .await
        .map(Response::into_parts)
        .unwrap_err();
    error.downcast().unwrap()
}

/// Its class, whether anything was sent, and reqwest's own error, which is there by value.
fn told(failed: Box<Failure>) -> (Class, bool, reqwest::Error) {
    let (class, sent) = (failed.outcome().class, failed.outcome().sent);
    (class, sent, *failed.downcast_source().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_made_has_sent_nothing() {
    let gone = Provider::new(Answer::new(200)).serve().await.unwrap();
    gone.kill().await;
    for h2 in [false, true] {
        let (class, sent, error) = told(failure(client(h2), chat(&gone.url())).await);
        assert_eq!((class, sent), (Class::Transport, false), "h2: {h2}");
        assert!(error.is_connect());
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_reqwests_own_is_one() {
    let server = Provider::new(Answer::hang()).serve().await.unwrap();
    for h2 in [false, true] {
        let hasty = builder(h2).timeout(Duration::from_secs(1)).build().unwrap();
        let (class, sent, error) = told(failure(hasty.into(), chat(&server.url())).await);
        assert_eq!((class, sent), (Class::Timeout, true), "h2: {h2}");
        assert!(error.is_timeout());
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_built_is_not_tried_again() {
    // A URL without a host will be as wrong the next time.
    let request = Request::post("/v1/chat").body(Full::<Bytes>::default());
    let failed = failure(client(false), request.unwrap()).await;
    assert!(!failed.outcome().transient);
    let (class, sent, error) = told(failed);
    assert_eq!((class, sent), (Class::InvalidRequest, false));
    assert!(error.is_builder());
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_fails_on_the_way_is_a_failure_of_the_connection() {
    let server = Provider::new(Answer::hang()).serve().await.unwrap();
    for h2 in [false, true] {
        let chunks = [
            Ok(Frame::data(Bytes::from("one"))),
            Err(BoxError::from("lost the rest")),
        ];
        let body = StreamBody::new(stream::iter(chunks));
        let request = Request::post(server.url()).body(body).unwrap();
        let (class, _, error) = told(failure(client(h2), request).await);
        assert_eq!(class, Class::Transport, "h2: {h2}");
        let sources = std::iter::successors(std::error::Error::source(&error), |e| e.source());
        let last = sources.last().unwrap().to_string();
        // Over HTTP/2 hyper resets the stream, and keeps nothing of the body's error.
        assert_eq!(last.contains("lost the rest"), !h2, "{last}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_off_ends_in_an_error_and_is_told_to_the_breaker() {
    for h2 in [false, true] {
        let provider = Provider::new(Sse::openai().text("one ").text("two ").cut());
        let server = provider.serve().await.unwrap();
        let stack = Steady::interactive();
        let llm = ServiceBuilder::new().layer(stack).service(client(h2));
        let answer = llm.oneshot(chat(&server.url())).await.unwrap();
        let stream = answer
            .extensions()
            .get::<tower_steady::StreamOutcome>()
            .unwrap()
            .clone();
        answer.into_body().collect().await.map(drop).unwrap_err();
        assert_eq!(
            stream.verdict().unwrap().class,
            Class::Transport,
            "h2: {h2}"
        );
        assert_eq!(
            provider.received(),
            1,
            "a stream that has begun is not sent again"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_classify_an_error_is_one_of_the_connection() {
    let gone = Provider::new(Answer::new(200)).serve().await.unwrap();
    gone.kill().await;
    let result = client(false)
        .oneshot(chat(&gone.url()))
        .await
        .map_err(BoxError::from);
    assert_eq!(Outcome::read(&result).class, Class::Transport);
}

const _: () = {
    static_assertions::assert_impl_all!(ReqwestService: Clone, Send, Sync, std::fmt::Debug);
    static_assertions::assert_impl_all!(tower_steady::reqwest::ResponseFuture: Send, std::fmt::Debug);
};

#[tokio::test(start_paused = true)]
async fn neither_the_client_nor_its_errors_show_a_key() {
    let key = http::HeaderValue::from_static("Bearer sk-secret");
    let headers = [(http::header::AUTHORIZATION, key)].into_iter().collect();
    let client = reqwest::Client::builder().default_headers(headers);
    let llm: ReqwestService = client.build().unwrap().into();
    let mut seen = format!("{llm:?}");

    // Nobody listens there, and the second is no absolute URI.
    for uri in ["http://127.0.0.1:9/v1?key=sk-secret", "/v1?key=sk-secret"] {
        let request = Request::get(uri).body(Full::<Bytes>::default()).unwrap();
        let error = llm.clone().oneshot(request).await.unwrap_err();
        let mut next: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = next {
            seen += &format!("{error} {error:?}");
            next = error.source();
        }
    }
    assert!(seen.contains("ReqwestService"));
    assert!(!seen.contains("secret"), "{seen}");
}
