//! The stack between a generated tonic client and its channel.
//!
//! gRPC has its statuses where HTTP has none: in headers without a body ("Trailers-Only"), and in the
//! trailers. `classify` reads both, and `retry-after` the pushback beside them, so that the layers work
//! on gRPC as they do on HTTP. What is left to do at the two ends of a stack is done by [`GrpcLayer`]:
//!
//! - below, the stack's request bodies become the body type that a channel takes;
//! - above, an answer that is an error becomes a [`Failure`] around its [`Status`](::tonic::Status).
//!   tonic alone reduces a Trailers-Only answer to its status, and the attempts are lost. Like this,
//!   the client's `Err(status)` has the provider's code, message, details and metadata, and
//!   [`Failure::find`] on it the outcome and the report.
//!
//! An error without a status gets the code that gRPC has for it: `DEADLINE_EXCEEDED` for a timeout and
//! a deadline, `UNAVAILABLE` for a connection that failed and for a call that a layer here refused. An
//! HTTP error of some proxy is mapped by gRPC's [table][mapping]. `grpc-status-details-bin` that is no
//! base64 is left out (tonic 0.14 panics on it).
//!
//! The stack must have a replay layer outermost ([`Steady::with_any_body`](crate::Steady::with_any_body)
//! has): tonic's bodies can be read once. A message stream that has begun is not retried; its end is
//! told by its trailers, as ever. [`DeadlineLayer`](crate::deadline::DeadlineLayer) reads the
//! `grpc-timeout` that [`Request::set_timeout`](::tonic::Request::set_timeout) writes.
//!
//! In a tonic *server* that calls an LLM, do not hand a status of the upstream's on with `?`: its
//! message and metadata are the provider's words to you and not to your caller.
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "presets")]
//! # async fn example() -> Result<(), tower_steady::BoxError> {
//! use tonic::transport::Channel;
//! use tower::Layer;
//! use tower_steady::{Failure, Steady, tonic::GrpcLayer};
//!
//! let channel = Channel::from_static("http://localhost:50051").connect_lazy();
//! let channel = GrpcLayer::new(Steady::interactive().with_any_body()).layer(channel);
//! // let mut client = LlmClient::new(channel);
//! # let mut client = tonic::client::Grpc::new(channel);
//! # client.ready().await?;
//! # let answer: Result<(), tonic::Status> = Ok(());
//!
//! // let answer = client.complete(prompt).await;
//! if let Err(status) = answer {
//!     let failure = Failure::find(&status).expect("the stack's word on it");
//!     println!("{}: {}, {}", status.code(), status.message(), failure);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Failure`]: crate::Failure
//! [`Failure::find`]: crate::Failure::find
//! [mapping]: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md

mod below;
mod future;
mod layer;
mod service;
mod status;

pub use self::below::{ChannelFuture, GrpcChannel};
pub use self::future::ResponseFuture;
pub use self::layer::GrpcLayer;
pub use self::service::Grpc;
