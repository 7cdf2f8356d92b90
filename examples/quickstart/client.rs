//! The client: a hyper connection pool, and the stack in front of it.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_steady::Steady;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An answer whose body has been read.
pub(crate) type Answer = Result<Response<Bytes>, BoxError>;

/// What both loops send through.
pub(crate) type HttpClient = BoxCloneSyncService<Request<Full<Bytes>>, Response<Bytes>, BoxError>;

/// A hyper client without anything in front of it.
pub(crate) fn bare() -> HttpClient {
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    reading(client)
}

/// The stack in front of a hyper client: this is all it takes.
pub(crate) fn with(stack: Steady) -> HttpClient {
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    reading(ServiceBuilder::new().layer(stack).service(client))
}

/// Reads each answer to its end.
pub(crate) fn reading<S, B>(service: S) -> HttpClient
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let service = service
        .map_err(Into::into)
        .and_then(|response: Response<B>| async {
            let (head, body) = response.into_parts();
            let bytes = body.collect().await.map_err(Into::into)?.to_bytes();
            Ok(Response::from_parts(head, bytes))
        });
    BoxCloneSyncService::layer().layer(service)
}

/// A chat completion request as a client library would send it.
pub(crate) fn request(url: &str) -> Request<Full<Bytes>> {
    let body = serde_json::json!({
        "model": "gpt-4o-mini",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "Say hello, and then tell me what a retry budget is for. ".repeat(20)}],
    });
    Request::post(format!("{url}/v1/chat/completions"))
        .header("content-type", "application/json")
        .header("authorization", "Bearer sk-quickstart")
        .body(Full::from(body.to_string()))
        .expect("a valid request")
}
