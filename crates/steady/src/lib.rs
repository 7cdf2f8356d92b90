//! Tower layers that make calls to LLM providers survive what really happens to them: rate limits,
//! overload, cut streams, outages, and the retry loop that turns each of those into a bigger bill.
//!
//! This crate is the roof: it re-exports the layer crates, one module and one feature each, and puts
//! them together as [`Steady`], the canonical stack, with presets.
//!
//! | module | layers |
//! |---|---|
#![cfg_attr(feature = "classify", doc = "| [`classify`] | what happened? |")]
#![cfg_attr(
    feature = "retry-after",
    doc = "| [`retry_after`] | when does the server want us back? And a pause for every call with the same key |"
)]
#![cfg_attr(
    feature = "circuit-breaker",
    doc = "| [`circuit_breaker`] | should we call at all? |"
)]
#![cfg_attr(
    feature = "retry-budget",
    doc = "| [`retry_budget`] | can we afford to call again? By ratio, and by spend |"
)]
#![cfg_attr(
    feature = "backoff-jitter",
    doc = "| [`backoff_jitter`] | call again, later |"
)]
#![cfg_attr(
    feature = "replay-body",
    doc = "| [`replay_body`] | any request body, sent more than once |"
)]
#![cfg_attr(
    feature = "deadline",
    doc = "| [`deadline`] | how long may all of it take, and each attempt? |"
)]
#![cfg_attr(
    feature = "fallback",
    doc = "| [`fallback`] | what to answer when nothing worked |"
)]
//!
#![cfg_attr(
    feature = "presets",
    doc = r#"
# Example

```
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt};
use tower_steady::{Report, Steady};
use tower_steady_testkit::{Answer, Provider};

# #[tokio::main(flavor = "current_thread", start_paused = true)]
# async fn main() {
// Overloaded once, then well again.
let provider = Provider::new([Answer::overloaded(), Answer::ok_chat("Hello")]);
let client = ServiceBuilder::new()
    .layer(Steady::interactive())
    .service(provider.service());

let request = Request::post("http://provider.test/v1/chat/completions")
    .body(Full::<Bytes>::from("{}"))
    .unwrap();
let answer = client.oneshot(request).await;
assert_eq!(Report::of(&answer).unwrap().sends(), 2);
assert_eq!(answer.unwrap().status(), 200);
# }
```
"#
)]
//!
//! # Features
//!
//! `full` (the default) switches on every layer and what stands around them. Without it, take what you
//! need: one feature for each layer crate under its name, `presets` for [`Steady`] and all that it is
//! built of, `builder` for [`ServiceBuilderExt`], `error-response` for answers in place of errors, as
//! axum's routes want them. Or depend on the layer crates themselves.
//!
//! `metrics` lets the layers count what they do, over the [`metrics`](https://docs.rs/metrics) facade; the
//! module of that name lists what there is. Not in `full`; without it nothing of it is compiled.
//!
//! `serde` lets the snapshots of all handles be serialised.
//!
//! `tower` lets the retry budget stand in for a `tower::retry::budget::Budget`, and any of those for it.
//!
//! `h2` is for clients that speak HTTP/2: with it `classify` knows which resets and `GOAWAY`s say that the
//! request was not processed, so that one that must not be repeated can be. `rustls` tells certificate errors
//! by type and not by their text, `br` and `zstd` decode error bodies beside gzip and deflate.
//!
//! Clients that are no `Service<http::Request<B>>` by themselves have an adapter each, in no other
//! feature: `reqwest` and `tonic`, which switches on `h2`.

#[cfg(feature = "builder")]
mod builder_ext;
#[cfg(feature = "error-response")]
pub mod error_response;
#[cfg(feature = "presets")]
mod handle;
#[cfg(any(feature = "error-response", feature = "tonic"))]
mod late;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "presets")]
mod preset;
#[cfg(feature = "reqwest")]
pub mod reqwest;
#[cfg(feature = "presets")]
mod stack;
#[cfg(feature = "tonic")]
pub mod tonic;
#[cfg(any(feature = "error-response", feature = "tonic"))]
mod words;

#[cfg(feature = "builder")]
pub use self::builder_ext::ServiceBuilderExt;
#[cfg(feature = "presets")]
pub use self::handle::{Inspect, SteadyHandle, SteadySnapshot};
#[cfg(feature = "presets")]
pub use self::preset::{Breakers, Budget, Classes, Deadlines, Hints, Pauses, Retries, Timeouts};
#[cfg(feature = "presets")]
pub use self::stack::Steady;
pub use tower_layer::Identity;
pub use tower_steady_core::{
    Attempt, AttemptReport, BoxError, Class, ConfigError, Deadline, Failure, Gate, Grant, Head,
    Held, Outcome, Report, Seeds, StreamOutcome, TryClone, Veto, VetoReason, hint, key,
};

#[cfg(feature = "backoff-jitter")]
pub use tower_steady_backoff_jitter as backoff_jitter;
#[cfg(feature = "circuit-breaker")]
pub use tower_steady_circuit_breaker as circuit_breaker;
#[cfg(feature = "classify")]
pub use tower_steady_classify as classify;
#[cfg(feature = "deadline")]
pub use tower_steady_deadline as deadline;
#[cfg(feature = "fallback")]
pub use tower_steady_fallback as fallback;
#[cfg(feature = "replay-body")]
pub use tower_steady_replay_body as replay_body;
#[cfg(feature = "retry-after")]
pub use tower_steady_retry_after as retry_after;
#[cfg(feature = "retry-budget")]
pub use tower_steady_retry_budget as retry_budget;

#[cfg(all(doctest, feature = "presets"))]
#[doc = include_str!("../README.md")]
struct Readme;
