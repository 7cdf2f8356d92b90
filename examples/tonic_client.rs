//! The stack under a tonic client. `cargo run --example tonic_client --features tonic`
//!
//! The codec hands bytes on as they are, so that no `.proto` is needed; a generated client takes the
//! channel in the same way.

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status, client::Grpc, transport::Channel};
use tower::{BoxError, Layer};
use tower_steady::{Failure, Steady, tonic::GrpcLayer};
use tower_steady_testkit::{Answer, Provider};

#[derive(Clone, Copy)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }
    fn decoder(&mut self) -> Self {
        *self
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

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let busy = Answer::grpc_error(14, "no capacity");
    let provider = Provider::new([busy.clone(), Answer::grpc_ok(b"Hello")]);
    let server = provider.serve().await?;

    let channel = Channel::from_shared(server.url())?.connect_lazy();
    let channel = GrpcLayer::new(Steady::interactive().with_any_body()).layer(channel);
    let mut client = Grpc::new(channel);
    let path = PathAndQuery::from_static("/llm.v1.Llm/Complete");

    client.ready().await?;
    let prompt = Request::new(Bytes::from("prompt"));
    let answer = client.unary(prompt, path.clone(), Plain).await?;
    println!("{:?} after {} sends", answer.get_ref(), provider.received());

    provider.play(busy);
    client.ready().await?;
    let prompt = Request::new(Bytes::from("prompt"));
    let status = client.unary(prompt, path, Plain).await.unwrap_err();
    let failure = Failure::find(&status).expect("the stack's word on it");
    println!("{:?}, {}: {failure}", status.code(), status.message());
    assert_eq!(status.code(), Code::Unavailable);
    Ok(())
}

#[test]
fn it_ends_well() {
    main().unwrap();
}
