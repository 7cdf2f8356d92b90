//! Over real TCP, HTTP/1.1 and HTTP/2: a long streamed upload that has to be sent again.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceBuilder, service_fn};
use tower_steady_core::{BoxError, TryClone};
use tower_steady_replay_body::{ReplayBody, ReplayLayer};

const MIB: usize = 1024 * 1024;
const SIZE: usize = 10 * MIB;
const CHUNK: usize = 60_000;

/// Bytes that depend on their place, so that nothing can be lost, doubled or moved.
static CONTENT: LazyLock<Bytes> = LazyLock::new(|| {
    let words = (0..SIZE / 4).map(|n| (n as u32).wrapping_mul(0x9e37_79b9));
    words.flat_map(u32::to_le_bytes).collect()
});

/// Ten MiB that come only once, a chunk at a time, with trailers.
fn upload() -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static {
    let frames = futures_util::stream::unfold(0, |place| async move {
        tokio::task::yield_now().await;
        if place > SIZE {
            return None;
        }
        if place == SIZE {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-size", SIZE.into());
            return Some((Ok(Frame::trailers(trailers)), SIZE + 1));
        }
        let end = SIZE.min(place + CHUNK);
        Some((Ok(Frame::data(CONTENT.slice(place..end))), end))
    });
    StreamBody::new(frames)
}

/// Reads a body to its end and checks every byte; what trailers there were.
async fn check(body: Body) -> Result<Option<HeaderMap>, axum::Error> {
    let mut body = body;
    let mut place = 0;
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => {
                let expected = CONTENT.get(place..place + data.len());
                assert!(expected == Some(&*data), "wrong after {place} bytes");
                place += data.len();
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    assert_eq!(place, SIZE);
    Ok(trailers)
}

/// How the provider refuses the first requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// After it has read all of it.
    Late,
    /// In the middle.
    Halfway,
    /// Before it has read any of it.
    Early,
}

#[derive(Clone)]
struct Provider {
    refusal: Refusal,
    refusals: usize,
    requests: Arc<AtomicUsize>,
}

impl Provider {
    fn new(refusal: Refusal, refusals: usize) -> Self {
        Self {
            refusal,
            refusals,
            requests: Arc::default(),
        }
    }

    fn app(&self) -> Router {
        Router::new()
            .route("/", post(Self::answer))
            .with_state(self.clone())
    }

    async fn answer(State(this): State<Self>, request: Request<Body>) -> StatusCode {
        let version = request.version();
        let mut body = request.into_body();
        if this.requests.fetch_add(1, Ordering::Relaxed) >= this.refusals {
            let Ok(trailers) = check(body).await else {
                return StatusCode::BAD_REQUEST;
            };
            if version == Version::HTTP_2 {
                assert_eq!(trailers.unwrap()["x-size"], SIZE.to_string());
            }
            return StatusCode::OK;
        }
        match this.refusal {
            Refusal::Late => {
                let _ = check(body).await;
            }
            Refusal::Halfway => {
                let mut read = 0;
                while read < SIZE / 2 {
                    let Some(Ok(frame)) = body.frame().await else {
                        break;
                    };
                    read += frame.data_ref().map_or(0, Bytes::len);
                }
            }
            Refusal::Early => {}
        }
        StatusCode::SERVICE_UNAVAILABLE
    }
}

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

fn client<B>(version: Version) -> Client<HttpConnector, B>
where
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    Client::builder(TokioExecutor::new())
        .http2_only(version == Version::HTTP_2)
        .build_http()
}

/// The retry loop: whatever is no success is sent again. Answers are held until the end, and with
/// them, over HTTP/2, their streams.
async fn retry<B>(
    client: Client<HttpConnector, ReplayBody<B>>,
    target: SocketAddr,
    mut body: ReplayBody<B>,
) -> Result<(Response<Incoming>, usize), BoxError>
where
    B: http_body::Body + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let kept = body.try_clone();
    let mut held = Vec::new();
    for attempts in 1..=5 {
        let request = Request::post(format!("http://{target}/")).body(body)?;
        match client.request(request).await {
            Ok(response) if response.status().is_success() => return Ok((response, attempts)),
            Ok(response) => held.push(response),
            Err(_) => {}
        }
        let again = kept.as_ref().and_then(TryClone::try_clone);
        body = again.ok_or("not replayable")?;
    }
    Err("too many attempts".into())
}

#[tokio::test]
async fn a_ten_mebibyte_upload_is_sent_again_however_the_provider_refused_it() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for refusal in [Refusal::Late, Refusal::Halfway, Refusal::Early] {
            let provider = Provider::new(refusal, 2);
            let target = serve(provider.app()).await;
            let body = ReplayBody::new(Box::pin(upload()), SIZE + 100);
            let (response, attempts) = retry(client(version), target, body)
                .await
                .unwrap_or_else(|error| panic!("{version:?} {refusal:?}: {error}"));
            assert_eq!(response.version(), version);
            assert_eq!(attempts, 3, "{version:?} {refusal:?}");
            assert_eq!(provider.requests.load(Ordering::Relaxed), 3);
        }
    }
}

#[tokio::test]
async fn over_the_limit_the_upload_arrives_but_is_not_sent_again() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for (refusals, expected) in [(0, Ok(1)), (1, Err("not replayable"))] {
            let provider = Provider::new(Refusal::Late, refusals);
            let target = serve(provider.app()).await;
            let body = ReplayBody::new(Box::pin(upload()), SIZE / 2);
            let result = retry(client(version), target, body).await;
            let result = result.map(|(_, attempts)| attempts);
            let result = result.as_ref().copied().map_err(ToString::to_string);
            assert_eq!(result, expected.map_err(str::to_owned), "{version:?}");
            assert_eq!(provider.requests.load(Ordering::Relaxed), 1);
        }
    }
}

/// Passes bytes on to `target`, and kills each of the first connections once this many have gone
/// through it.
async fn unreliable(target: SocketAddr, kills: Vec<usize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kills = kills.into_iter();
        loop {
            let (inbound, _) = listener.accept().await.unwrap();
            tokio::spawn(pass_on(inbound, target, kills.next()));
        }
    });
    address
}

async fn pass_on(inbound: TcpStream, target: SocketAddr, kill: Option<usize>) {
    let outbound = TcpStream::connect(target).await.unwrap();
    let (mut from, mut to_client) = inbound.into_split();
    let (mut from_server, mut to) = outbound.into_split();
    let forth = async {
        let mut left = kill.unwrap_or(usize::MAX);
        let mut buffer = vec![0; 16 * 1024];
        while left > 0 {
            match from.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(read) => {
                    let read = read.min(left);
                    left -= read;
                    if to.write_all(&buffer[..read]).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    let back = async {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    };
    // Both sockets close with the first direction that ends.
    tokio::select! {
        () = forth => {}
        () = back => {}
    }
}

#[tokio::test]
async fn a_connection_killed_in_any_part_of_the_upload_is_survived() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let provider = Provider::new(Refusal::Late, 0);
        let target = serve(provider.app()).await;
        // In the head, at the beginning, in the middle, near the end.
        let kills = vec![10, 2000, SIZE / 2, SIZE - 1000];
        let target = unreliable(target, kills).await;
        let body = ReplayBody::new(Box::pin(upload()), SIZE + 100);
        let (_, attempts) = retry(client(version), target, body).await.unwrap();
        assert_eq!(attempts, 5, "{version:?}");
    }
}

/// A gateway: what comes in over one connection goes out over another, more than once.
#[tokio::test]
async fn a_gateway_sends_an_inbound_body_again() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for refusal in [Refusal::Late, Refusal::Early] {
            let upstream = serve(Provider::new(refusal, 1).app()).await;
            let out = client::<ReplayBody<Body>>(version);
            let service = ServiceBuilder::new()
                .layer(ReplayLayer::with_limit(SIZE + 100))
                .service(service_fn(move |request: Request<ReplayBody<Body>>| {
                    let out = out.clone();
                    async move {
                        let answer = retry(out, upstream, request.into_body()).await;
                        let (response, attempts) = answer.unwrap();
                        let mut response = response.map(Body::new);
                        response.headers_mut().insert("x-attempts", attempts.into());
                        Ok::<_, Infallible>(response)
                    }
                }));
            let app = Router::new().route_service("/", service);
            let gateway = serve(app).await;
            let request = Request::post(format!("http://{gateway}/"));
            let body = upload().map_err(BoxError::from).boxed_unsync();
            let response = client(version).request(request.body(body).unwrap());
            let response = response.await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{version:?} {refusal:?}");
            assert_eq!(response.headers()["x-attempts"], "2");
        }
    }
}
