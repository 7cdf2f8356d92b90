//! What to answer when nothing worked.
//!
//! A [`FallbackLayer`] stands outside the retry loop, after the last word of the stack, and has one
//! [`Source`] of answers:
//!
//! | source | answers with |
//! |---|---|
//! | [`Alternative`] | what another service says: another provider, model or region |
//! | [`LastGood`] | the last good answer to the same question, no older than a limit |
//! | [`Fixed`] | always the same |
//! | [`Queue`] | a 202 with a receipt, while the request goes to a queue |
//!
//! Sources line up with [`FallbackLayer::or`], and are asked in that order.
//! When none has an answer, the caller gets the first provider's answer or error, with [`Tried`]
//! saying what else was asked.
//!
//! A degraded answer always says so: it carries [`Degraded`] in its extensions and a header
//! (`x-degraded` by default), and is one WARN event. There are no silent stale answers.
//!
//! # What falls back
//!
//! By default every transient class that was given up on, an exhausted quota, and a call that a layer
//! here rejected (open circuit, pause, budget). Never by default what is the request's own fault, for
//! it would be so at the next provider too: 400, auth, permission, content policy, context length.
//! [`FallbackLayer::when`] changes that. A stream whose head has come through is never spliced with
//! another.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt};
//! use tower_steady_fallback::{Degraded, FallbackLayer, Fixed};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let down = tower::service_fn(|_: Request<Full<Bytes>>| async {
//!     let response = Response::builder().status(503).body(Full::<Bytes>::default());
//!     response.map_err(tower_steady_core::BoxError::from)
//! });
//! let sorry = Response::new(Bytes::from(r#"{"answer": "Ask me again in a minute."}"#));
//! let service = ServiceBuilder::new()
//!     .layer(FallbackLayer::new(Fixed::new(sorry)))
//!     .service(down);
//!
//! let answer = service.oneshot(Request::new(Full::default())).await.unwrap();
//! assert_eq!(answer.status(), 200);
//! assert_eq!(answer.headers()["x-degraded"], "fixed;reason=overloaded");
//! assert!(answer.extensions().get::<Degraded>().is_some());
//! # }
//! ```
//!
//! # Events
//!
//! | level | message | fields | when |
//! |---|---|---|---|
//! | WARN | `degraded answer` | `source`, `class`, `veto`, `age_ms` | the caller gets the answer of this source |
//! | WARN | `a fallback had no answer` | `source`, `class`, `reason` | each source that was asked, where none had one |
//!
//! `class` and `veto` are those of the provider's own answer. The fields mean what they do
//! [everywhere](tower_steady_core::event); those that are not known are left out.
//!
//! What it has done so far and how many answers it keeps, [`FallbackLayer::handle`] shows without any
//! subscriber; with the feature `serde` its snapshots can be serialised.
//!
//! # Metrics
//!
//! With the feature `metrics`, over the [`metrics`](https://docs.rs/metrics) facade:
//!
//! | name | kind | unit | labels | meaning |
//! |---|---|---|---|---|
//! | `tower_steady.fallback.answers` | counter | {call} | `source`, `class` | Degraded answers, by their source and by what the provider's own answer came to. |
//! | `tower_steady.fallback.failures` | counter | {call} | `source`, `class` | Sources that were asked and had no answer, by what the provider's own answer came to. |
//!
//! # Elsewhere in the stack
//!
//! Inside the retry loop a fallback would answer the first failed try and nothing would be retried.
//! Outside the deadline layer it would answer after the caller has stopped waiting; inside of it,
//! [`FallbackLayer::reserve`] keeps a part of the deadline for the fallback's own answer.

mod body;
mod degraded;
mod error;
mod events;
mod future;
mod handle;
mod layer;
mod metrics;
mod rule;
mod service;
mod source;

pub use self::body::ResponseBody;
pub use self::degraded::{Degraded, Tried};
pub use self::error::NothingWorked;
pub use self::future::ResponseFuture;
pub use self::handle::{FallbackHandle, FallbackSnapshot, SourceSnapshot, Stock};
pub use self::layer::FallbackLayer;
#[cfg(feature = "metrics")]
pub use self::metrics::{METRICS, describe_metrics};
pub use self::service::Fallback;
pub use self::source::{
    Alternative, AlternativeFuture, Fixed, Given, LastGood, LastGoodBuilder, Or, OrFuture, Queue,
    Queued, Receipt, Recorder, Sink, Source,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
