//! What is generated from a `.proto` elsewhere. The codec hands bytes on as they are; a generated
//! client differs from [`Llm`] in nothing else.

use bytes::{Buf, BufMut, Bytes};
use tonic::client::{Grpc, GrpcService};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Response, Status};

/// The path of the method that completes a prompt.
pub(crate) const COMPLETE: &str = "/llm.v1.Llm/Complete";

/// Bytes in, bytes out.
#[derive(Clone, Copy, Default)]
pub(crate) struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// As tonic-build writes it.
pub(crate) struct Llm<T>(pub(crate) Grpc<T>);

impl<T> Llm<T>
where
    T: GrpcService<tonic::body::Body>,
    T::Error: Into<tower_steady::BoxError>,
    T::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error: Into<tower_steady::BoxError> + Send,
{
    pub(crate) async fn complete(
        &mut self,
        prompt: Request<Bytes>,
    ) -> Result<Response<Bytes>, Status> {
        self.unary(prompt, COMPLETE).await
    }

    pub(crate) async fn unary(
        &mut self,
        prompt: Request<Bytes>,
        path: &'static str,
    ) -> Result<Response<Bytes>, Status> {
        let ready = self.0.ready().await;
        ready.map_err(|error| Status::unknown(format!("not ready: {}", error.into())))?;
        let path = http::uri::PathAndQuery::from_static(path);
        self.0.unary(prompt, path, Plain).await
    }
}
