//! What must hold for every input: shared by the fuzz targets and the property tests.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use tower::{Layer, ServiceExt, service_fn};
use tower_steady_classify::{ClassifyLayer, classify_response};
use tower_steady_core::{BoxError, Class, Outcome, StreamOutcome, hint};

const TYPES: [&str; 6] = [
    "application/json",
    "text/event-stream; charset=utf-8",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    "application/grpc",
    "text/html",
];
const ENCODINGS: [&str; 6] = ["", "gzip", "deflate", "br", "zstd", "gzip, br"];

struct Pieces(VecDeque<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

/// The future's output; nothing here ever waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("waited for a body that was there"),
    }
}

/// What the layer makes of a body in pieces: the outcome, the stream's verdict, and the pieces that
/// the caller gets.
fn through_layer(
    status: StatusCode,
    headers: &HeaderMap,
    pieces: &[&[u8]],
) -> (Outcome, Option<Class>, Vec<Bytes>) {
    let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece));
    let mut response = Response::new(Pieces(pieces.collect()));
    *response.status_mut() = status;
    *response.headers_mut() = headers.clone();
    let mut response = Some(response);
    let service = service_fn(move |_: Request<()>| {
        let response = response.take().expect("called once");
        async { Ok::<_, BoxError>(response) }
    });
    let result = now(ClassifyLayer::new()
        .layer(service)
        .oneshot(Request::new(())));
    let outcome = Outcome::read(&result);
    let response = result.expect("the service does not fail");
    let cell = response.extensions().get::<StreamOutcome>().cloned();
    let mut body = pin!(response.into_body());
    let mut seen = Vec::new();
    while let Some(Ok(frame)) = now(std::future::poll_fn(|cx| body.as_mut().poll_frame(cx))) {
        seen.extend(frame.into_data());
    }
    let verdict = cell.and_then(|cell| cell.verdict().map(|outcome| outcome.class));
    (outcome, verdict, seen)
}

/// Any status, any type, any encoding, any body.
pub(crate) fn body(data: &[u8]) {
    let [status, kind, encoding, body @ ..] = data else {
        return;
    };
    let status = StatusCode::from_u16(200 + u16::from(*status) % 400).expect("from 200 to 599");
    let mut headers = HeaderMap::new();
    let content_type = TYPES[usize::from(*kind) % TYPES.len()];
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let encoding = ENCODINGS[usize::from(*encoding) % ENCODINGS.len()];
    if !encoding.is_empty() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let outcome = classify_response(status, &headers, body, None);
    let failed = Class::from_status(status) != Class::Success;
    assert!(
        !failed || outcome.class != Class::Success,
        "an error became a success"
    );
    assert!(outcome.wait.is_none_or(|wait| wait <= hint::MAX_WAIT));
    let (of_layer, _, seen) = through_layer(status, &headers, &[body]);
    assert_eq!(seen.concat(), body, "the caller's bytes are as they came");
    // The end of a gRPC answer is in its trailers, which are no part of the body.
    if body.len() < 4096 && content_type != "application/grpc" {
        assert_eq!(
            (of_layer.class, of_layer.transient),
            (outcome.class, outcome.transient)
        );
    }
}

/// An event stream, whole and cut into pieces: the verdict and the bytes do not depend on the cuts.
pub(crate) fn stream(data: &[u8]) {
    let [kind, size, stream @ ..] = data else {
        return;
    };
    if stream.len() > 16 * 1024 {
        return;
    }
    let mut headers = HeaderMap::new();
    let content_type = TYPES[1 + usize::from(*kind) % 3];
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let cuts: Vec<_> = stream.chunks(usize::from(*size).max(1)).collect();
    let (whole, whole_verdict, _) = through_layer(StatusCode::OK, &headers, &[stream]);
    let (cut, cut_verdict, seen) = through_layer(StatusCode::OK, &headers, &cuts);
    assert_eq!(seen, cuts, "chunk boundaries are as they came");
    assert_eq!(whole_verdict, cut_verdict);
    assert!(
        cut_verdict.is_some(),
        "a stream that was read to its end has a verdict"
    );
    assert_eq!(whole.class, cut.class);
}

/// Headers of any bytes.
pub(crate) fn header(data: &[u8]) {
    const NAMES: [&str; 9] = [
        "x-should-retry",
        "content-type",
        "content-encoding",
        "content-length",
        "retry-after",
        "date",
        "x-amzn-errortype",
        "grpc-status",
        "grpc-message",
    ];
    let mut headers = HeaderMap::new();
    let mut values = data.split(|byte| *byte == b'\n');
    let status = values
        .next()
        .and_then(<[u8]>::first)
        .copied()
        .unwrap_or_default();
    let status = StatusCode::from_u16(200 + u16::from(status) % 400).expect("from 200 to 599");
    for value in values {
        let Some((name, value)) = value.split_first() else {
            continue;
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(NAMES[usize::from(*name) % NAMES.len()], value);
        }
    }
    let body = br#"{"error":{"message":"try again in 5s","resets_at":1696012000}}"#;
    let outcome = classify_response(status, &headers, body, None);
    assert!(outcome.wait.is_none_or(|wait| wait <= hint::MAX_WAIT));
    through_layer(status, &headers, &[body]);
}
