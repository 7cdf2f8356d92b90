//! Whole requests over TCP, 64 in flight, to a server with a thread of its own.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tower::layer::util::Identity;
use tower::{Layer, Service, ServiceExt};
use tower_steady::BoxError;

use crate::cases::{Contender, OURS};
use crate::drive::Factory;
use crate::measure::current_thread;
use crate::{ours, peers, request};

const IN_FLIGHT: usize = 64;

type Http = Client<HttpConnector, Full<Bytes>>;

/// What is put in front of the client.
pub const LAYERED: &[Contender] = &[
    (OURS, || over(ours::all())),
    ("tower-steady without a look into JSON", || {
        over(ours::all_without_look())
    }),
    ("tower retry + tower-resilience breaker", || {
        over(peers::retry_and_breaker())
    }),
];

/// The hyper client alone.
#[must_use]
pub fn alone() -> Factory {
    over(Identity::new())
}

fn over<L, B>(layer: L) -> Factory
where
    L: Layer<Http> + Clone + Send + Sync + 'static,
    L::Service: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    <L::Service as Service<Request<Full<Bytes>>>>::Error: Into<BoxError>,
    B: Body,
    B::Error: fmt::Debug,
{
    Box::new(move || {
        let address = serve();
        let uri: Uri = format!("http://{address}/v1/chat/completions")
            .parse()
            .expect("a valid URI");
        let runtime = current_thread();
        let service = layer.layer(Client::builder(TokioExecutor::new()).build_http());
        Box::new(move |calls| runtime.block_on(send(&service, &uri, calls)))
    })
}

/// Sends `calls` requests and reads their answers to the end.
async fn send<S, B>(service: &S, uri: &Uri, calls: usize)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: fmt::Debug,
{
    let left = Cell::new(calls);
    let worker = async || {
        let mut service = service.clone();
        while let Some(rest) = left.get().checked_sub(1) {
            left.set(rest);
            let mut request = request::mix();
            *request.uri_mut() = uri.clone();
            let ready = service.ready().await.map_err(Into::into).expect("ready");
            let response = ready.call(request).await.map_err(Into::into);
            let body = response.expect("an answer").into_body();
            body.collect().await.expect("a whole body");
        }
    };
    futures_util::future::join_all((0..IN_FLIGHT).map(|_| worker())).await;
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
