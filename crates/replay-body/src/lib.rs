//! Any HTTP body, sent more than once.
//!
//! A retry needs the request's body a second time, and a streamed body comes only once. A retry loop
//! that does not see this sends an *empty* body the second time, refuses every streamed request up
//! front, or reads all of it into memory before the first byte goes out; all three have been found
//! in the wild. [`ReplayBody`] lets the first attempt stream through as it comes, keeps what has
//! been sent up to a limit, and replays that to a later attempt before it goes on with the rest.
//! Over the limit the attempt under way is not disturbed; there is only no other.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full, StreamBody};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_steady_core::{BoxError, TryClone};
//! use tower_steady_replay_body::{ReplayBody, ReplayLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let client = ServiceBuilder::new()
//!     .layer(ReplayLayer::new())
//!     // Here stands a retry layer. This one sends everything twice.
//!     .service(service_fn(|request: Request<ReplayBody<_>>| async {
//!         let first = request.into_body();
//!         let second = first.try_clone().ok_or("not replayable")?;
//!         let _ = first.collect().await?;
//!         Ok::<_, BoxError>(Response::new(second.collect().await?.to_bytes()))
//!     }));
//!
//! // A stream, which is not `Clone`.
//! let chunks = ["str", "eam"].map(|chunk| Ok::<_, BoxError>(http_body::Frame::data(Bytes::from(chunk))));
//! let body = StreamBody::new(futures_util::stream::iter(chunks));
//! let response = client.oneshot(Request::new(body)).await?;
//! assert_eq!(response.into_body(), "stream");
//! # Ok(())
//! # }
//! ```
//!
//! # Place in the stack
//!
//! Outermost, since it changes the type of the request's body: the retry layer must stand somewhere
//! below it, and everything between sees `Request<ReplayBody<B>>`. Below the retry layer it has no
//! use. A stack whose bodies are `Clone` already (`Full<Bytes>`, `String`) needs none.
//!
//! # What it costs
//!
//! Two small allocations for a request with a body, none for one without. Nothing is kept of a
//! body that no attempt can need again: no copy was made of it before it was first read, the copies
//! are gone, or its size hint says from the start that it will not fit. What is kept counts against
//! the limit by its bytes; a chunk that is a slice of a larger buffer keeps that buffer.
//!
//! # Events
//!
//! | level | message | fields | when |
//! |---|---|---|---|
//! | DEBUG | `request body cannot be sent again` | `reason` (`over_limit`), `limit` (bytes) | once a body, when it outgrows the limit |
//!
//! The fields mean what they do [everywhere](tower_steady_core::event); those that are not known are left
//! out.
//!
//! # Metrics
//!
//! With the feature `metrics`, over the [`metrics`](https://docs.rs/metrics) facade:
//!
//! | name | kind | unit | labels | meaning |
//! |---|---|---|---|---|
//! | `tower_steady.replay_body.over_limit` | counter | {request} |  | Requests that went through once, for their body was over the limit. |

mod body;
mod buffer;
mod error;
mod layer;
mod metrics;
mod service;
mod sync;
mod tape;
#[cfg(all(test, steady_loom))]
mod tests;

pub use self::body::ReplayBody;
pub use self::error::{LimitExceeded, SourceError, Superseded};
pub use self::layer::ReplayLayer;
#[cfg(feature = "metrics")]
pub use self::metrics::{METRICS, describe_metrics};
pub use self::service::Replay;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
