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
//!   [`Failure::find`] on it the outcome and the report. So has the error of an answer that fails after
//!   its first message, by its trailers or because it breaks off.
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
//! # In a server
//!
//! A tonic server that calls an LLM keeps the stack in its service struct, one value for every method
//! that is to share circuits and budgets, another where a layer is to differ. It does not hand an
//! upstream's status on with `?`, whose message and metadata are the provider's words to the server and
//! not to its caller: [`status_for`] makes one that a caller may see.
//!
//! tonic drops a handler at the caller's `grpc-timeout`, or when the caller has gone, and all that is
//! under way below ends with it. Where the header is copied to the request for the provider, the stack
//! knows the deadline beforehand, and begins no wait that it cannot end.
//!
//! ```
//! # #[cfg(feature = "presets")]
//! # mod example {
//! use bytes::Bytes;
//! use http_body_util::{BodyExt, Full};
//! use tonic::{Request, Response, Status};
//! use tower::{Layer, ServiceExt};
//! use tower_steady::{BoxError, Class, Outcome, Steady, tonic::status_for};
//!
//! type Http = hyper_util::client::legacy::Client<
//!     hyper_util::client::legacy::connect::HttpConnector,
//!     Full<Bytes>,
//! >;
//!
//! struct Assistant {
//!     llm: <Steady as Layer<Http>>::Service,
//! }
//!
//! impl Assistant {
//!     // Of the trait that tonic-build makes.
//!     async fn complete(&self, prompt: Request<Bytes>) -> Result<Response<Bytes>, Status> {
//!         let (metadata, _, prompt) = prompt.into_parts();
//!         let mut request = http::Request::post("http://localhost:8080/v1/completions")
//!             .body(Full::new(prompt))
//!             .map_err(|_| Status::internal("the request could not be made"))?;
//!         if let Some(timeout) = metadata.into_headers().remove("grpc-timeout") {
//!             request.headers_mut().insert("grpc-timeout", timeout);
//!         }
//!
//!         let result = self.llm.clone().oneshot(request).await;
//!         let outcome = Outcome::read(&result);
//!         match result {
//!             Ok(answer) if outcome.class == Class::Success => {
//!                 let body = answer.into_body().collect().await;
//!                 let body = body.map_err(|_| Status::unavailable("the answer broke off"))?;
//!                 Ok(Response::new(body.to_bytes()))
//!             }
//!             _ => Err(status_for(&outcome)),
//!         }
//!     }
//! }
//! # }
//! ```
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
mod body;
mod future;
mod layer;
mod server;
mod service;
mod status;

pub use self::below::{ChannelFuture, GrpcChannel};
pub use self::body::ResponseBody;
pub use self::future::ResponseFuture;
pub use self::layer::GrpcLayer;
pub use self::server::status_for;
pub use self::service::Grpc;
