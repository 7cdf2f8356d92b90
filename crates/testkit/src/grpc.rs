//! gRPC answers, for HTTP/2. Source: the gRPC over HTTP/2 protocol specification.

use bytes::{BufMut, Bytes, BytesMut};

use crate::Answer;

/// gRPC answers.
impl Answer {
    /// A whole unary answer: one message and `grpc-status` 0 in the trailers.
    pub fn grpc_ok(message: &[u8]) -> Self {
        Self::grpc_then(message, 0, "")
    }

    /// One message and then this `grpc-status` in the trailers, behind a head of 200.
    pub fn grpc_then(message: &[u8], status: u32, text: &str) -> Self {
        Self::grpc_head()
            .chunk(frame(message))
            .trailer("grpc-status", status.to_string())
            .trailer("grpc-message", text)
    }

    /// A trailers-only answer: `grpc-status` in the head and no body.
    pub fn grpc_error(status: u32, text: &str) -> Self {
        Self::grpc_head()
            .header("grpc-status", status.to_string())
            .header("grpc-message", text)
    }

    fn grpc_head() -> Self {
        Self::new(200).header("content-type", "application/grpc")
    }
}

/// A length-prefixed message, not compressed.
fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}
