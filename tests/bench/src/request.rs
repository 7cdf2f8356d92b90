//! The requests that are measured.

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::Full;

/// The realistic one, "Mix": eight headers, five of them shared and three made for the call, and a
/// body of 1 KiB from a fresh `Vec`.
#[must_use]
pub fn mix() -> Request<Full<Bytes>> {
    let mut request = Request::post("https://api.example.com/v1/chat/completions")
        .body(Full::from(vec![b'x'; 1024]))
        .expect("a valid request");
    let headers = request.headers_mut();
    headers.reserve(8);
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("accept", HeaderValue::from_static("application/json"));
    headers.insert("user-agent", HeaderValue::from_static("bench/1.0"));
    headers.insert("accept-encoding", HeaderValue::from_static("identity"));
    headers.insert("x-client", HeaderValue::from_static("tower-steady"));
    headers.insert(
        "authorization",
        fresh(b"Bearer sk-0123456789abcdef0123456789abcdef"),
    );
    headers.insert("x-request-id", fresh(b"req-0123456789abcdef"));
    headers.insert(
        "traceparent",
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
