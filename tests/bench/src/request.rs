//! The requests that are measured.
//!
//! URI and names are static, as in a client that calls one endpoint: what is made for each call are
//! three header values and the body.

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;

/// The realistic one, "Mix": eight headers, five of them shared and three made for the call, and a
/// body of 1 KiB from a fresh `Vec`.
#[must_use]
pub fn mix() -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from(vec![b'x'; 1024]));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static("https://api.example.com/v1/chat/completions");
    let headers = request.headers_mut();
    headers.reserve(8);
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::ACCEPT, "application/json"),
        (header::USER_AGENT, "bench/1.0"),
        (header::ACCEPT_ENCODING, "identity"),
        (HeaderName::from_static("x-client"), "tower-steady"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(
        header::AUTHORIZATION,
        fresh(b"Bearer sk-0123456789abcdef0123456789abcdef"),
    );
    headers.insert(
        HeaderName::from_static("x-request-id"),
        fresh(b"req-0123456789abcdef"),
    );
    headers.insert(
        HeaderName::from_static("traceparent"),
        fresh(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    );
    request
}

/// "Mix" with three extensions, as axum leaves them on a request.
#[must_use]
pub fn mix_with_extensions() -> Request<Full<Bytes>> {
    #[derive(Clone)]
    struct One(#[expect(dead_code, reason = "only its weight counts")] u64);
    #[derive(Clone)]
    struct Two(#[expect(dead_code, reason = "only its weight counts")] u64);
    #[derive(Clone)]
    struct Three(#[expect(dead_code, reason = "only its weight counts")] u64);
    let mut request = mix();
    request.extensions_mut().insert(One(1));
    request.extensions_mut().insert(Two(2));
    request.extensions_mut().insert(Three(3));
    request
}

fn fresh(value: &[u8]) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(value.to_vec())).expect("a valid value")
}
