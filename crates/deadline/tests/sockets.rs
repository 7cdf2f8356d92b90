//! Over real TCP, HTTP/1.1 and HTTP/2: a provider that hangs before its head, and in its stream.
//!
//! Client and server share one runtime. Its clock is paused only once the provider is known to hang,
//! for until then it would run ahead of the sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt};
use tower_steady_core::{BoxError, Failure};
use tower_steady_deadline::{
    AttemptElapsed, AttemptTimeoutLayer, DeadlineLayer, TimeoutFormat, Timer,
};

fn timer(error: &BoxError) -> Timer {
    let failure = Failure::find(&**error).expect("a failure");
    let elapsed: &AttemptElapsed = failure.find_source().expect("a timer");
    elapsed.timer()
}

/// `/head` says how much time it was given and hangs; `/stream` hangs after its first event.
async fn provider(hangs: UnboundedSender<Option<HeaderValue>>) -> SocketAddr {
    let head = get(move |request: Request<Body>| async move {
        let _ = hangs.send(request.headers().get("grpc-timeout").cloned());
        std::future::pending::<Response<Body>>().await
    });
    let stream = get(|| async {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes, Infallible>::new(1);
        tokio::spawn(async move {
            let event = Frame::data(Bytes::from("data: {}\n\n"));
            sender.send(event).await.unwrap();
            std::future::pending::<()>().await;
        });
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(Body::new(body))
            .unwrap()
    });
    let app = Router::new().route("/head", head).route("/stream", stream);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

async fn run(version: Version) {
    let (sender, mut hangs) = unbounded_channel();
    let address = provider(sender).await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(version == Version::HTTP_2)
        .build_http::<Empty<Bytes>>();
    let grpc = HeaderName::from_static("grpc-timeout");
    let service = ServiceBuilder::new()
        .layer(
            DeadlineLayer::builder()
                .timeout(Duration::from_secs(10))
                .forward(grpc, TimeoutFormat::Grpc)
                .build()
                .unwrap(),
        )
        .layer(
            AttemptTimeoutLayer::builder()
                .headers(Duration::from_secs(4))
                .idle(Duration::from_secs(3))
                .build()
                .unwrap(),
        )
        .service(client);
    let request = |path: &str| {
        let uri = format!("http://{address}{path}");
        Request::get(uri).body(Empty::new()).unwrap()
    };

    let call = tokio::spawn(service.clone().oneshot(request("/head")));
    let left = hangs.recv().await.unwrap().expect("no grpc-timeout");
    let left = TimeoutFormat::Grpc.parse(left.as_bytes()).unwrap();
    assert!(left > Duration::from_secs(5) && left <= Duration::from_secs(10));
    tokio::time::pause();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(timer(&error), Timer::Headers, "{version:?}");
    tokio::time::resume();

    let response = service.oneshot(request("/stream")).await.unwrap();
    assert_eq!(response.version(), version);
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "data: {}\n\n");
    tokio::time::pause();
    let start = Instant::now();
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(timer(&error), Timer::Idle, "{version:?}");
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn a_hanging_provider_is_left_in_time_over_http_1() {
    run(Version::HTTP_11).await;
}

#[tokio::test]
async fn a_hanging_provider_is_left_in_time_over_http_2() {
    run(Version::HTTP_2).await;
}
