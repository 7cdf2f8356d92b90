use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceExt};
use tower_steady::BoxError;

use super::median;
use crate::{ours, peers, request};

const ROUNDS: usize = 9;
const IN_FLIGHT: usize = 64;
const REQUESTS: usize = 12_800;

/// Nanoseconds a request over a loopback connection, 64 in flight, for a hyper client alone and with
/// all layers in front of it, ours and what a user would pick instead; the median of rounds in turn.
/// The server has a thread of its own.
#[must_use]
pub fn nanos_a_request() -> [(&'static str, f64); 4] {
    let address = serve();
    let runtime = current_thread();
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let layered = ours::all().service(client.clone());
    let without_look = ours::all_without_look().service(client.clone());
    let peer = peers::retry_and_breaker().service(client.clone());
    let mut nanos = [const { Vec::new() }; 4];
    // The first round warms the pool.
    for round in 0..=ROUNDS {
        let times = [
            runtime.block_on(drive(&client, address)),
            runtime.block_on(drive(&layered, address)),
            runtime.block_on(drive(&without_look, address)),
            runtime.block_on(drive(&peer, address)),
        ];
        if round > 0 {
            for (all, time) in nanos.iter_mut().zip(times) {
                all.push(time);
            }
        }
    }
    let [alone, ours, without_look, peer] = nanos.map(median);
    [
        ("hyper client alone", alone),
        ("tower-steady over it", ours),
        ("tower-steady without a look into JSON", without_look),
        ("tower retry + tower-resilience breaker over it", peer),
    ]
}

async fn drive<S, B>(service: &S, address: SocketAddr) -> f64
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let uri: Uri = format!("http://{address}/v1/chat/completions")
        .parse()
        .expect("a valid URI");
    let worker = async || {
        let mut service = service.clone();
        for _ in 0..REQUESTS / IN_FLIGHT {
            let mut request = request::mix();
            *request.uri_mut() = uri.clone();
            let ready = service.ready().await.map_err(Into::into).expect("ready");
            let response = ready.call(request).await.map_err(Into::into);
            let body = response.expect("an answer").into_body();
            body.collect().await.expect("a whole body");
        }
    };
    let start = Instant::now();
    futures_util::future::join_all((0..IN_FLIGHT).map(|_| worker())).await;
    start.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(REQUESTS).unwrap_or(u32::MAX))
}

/// Answers 500 bytes of JSON to everything, until the process ends.
fn serve() -> SocketAddr {
    let runtime = current_thread();
    let listener = runtime
        .block_on(TcpListener::bind(("127.0.0.1", 0)))
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        runtime.block_on(async {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let answer = hyper::service::service_fn(async |request: Request<_>| {
                    let body: hyper::body::Incoming = request.into_body();
                    let _ = body.collect().await;
                    let answer = Response::builder().header("content-type", "application/json");
                    let body = Full::<Bytes>::from(format!("{{\"text\":\"{}\"}}", "x".repeat(489)));
                    Ok::<_, Infallible>(answer.body(body).expect("a valid answer"))
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer);
                tokio::spawn(connection);
            }
        });
    });
    address
}

fn current_thread() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}
