//! When does the server want us back?
//!
//! Two layers for HTTP clients, above all of LLM providers:
//!
//! - [`RetryAfterLayer`] reads the wait that a refusal asks for, from every header it may stand in
//!   ([`hints`] has the table), and leaves it on the [`Outcome`] for the retry layer further out. It
//!   decides nothing: minimum, cap and jitter are the retry layer's.
//! - [`PauseLayer`] obeys it for *all* callers of the same key (host, model, API key): one refusal stops
//!   new calls, and afterwards they are released one by one at a pace that is learned. Without it each
//!   caller learns of the limit by a refusal of its own. It reads no header itself and needs
//!   [`RetryAfterLayer`] inside of it: alone it never pauses. The [`pause`] module explains it.
//!
//! ```
//! use std::time::Duration;
//! use http::{Request, Response};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_steady_core::Outcome;
//! use tower_steady_retry_after::{PauseLayer, RetryAfterLayer};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let pause = PauseLayer::new();
//! let client = ServiceBuilder::new()
//!     .layer(pause.clone())
//!     .layer(RetryAfterLayer::new())
//!     .service(service_fn(|_: Request<String>| async {
//!         // A provider that is over its limit.
//!         let refusal = Response::builder().status(429).header("retry-after-ms", "1243");
//!         Ok::<_, BoxError>(refusal.body("slow down")?)
//!     }));
//!
//! let request = Request::post("https://api.example/v1/chat").body("{}".to_owned())?;
//! let answer = client.oneshot(request).await;
//! assert_eq!(Outcome::read(&answer).wait, Some(Duration::from_millis(1243)));
//!
//! // Whoever calls this host now waits until the pause is over.
//! for paused in pause.handle().keys() {
//!     println!("{:?} for {:?}", paused.key, paused.left); // "api.example" for Some(1.243s)
//! }
//! # assert_eq!(pause.handle().keys().len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What it costs
//!
//! A success passes [`RetryAfterLayer`] without a note, a clock or an allocation; headers are looked at
//! on refusals only. A call passes [`PauseLayer`] while no key is paused without a lock or a clock, and
//! without an allocation if it has the key of the call before it on the same service; the first of a
//! clone, or with another key, makes that key.
//!
//! # Where they stand
//!
//! `retry layer → … → PauseLayer → circuit breaker → attempt timeouts → RetryAfterLayer → classify →
//! client`. Elsewhere they work too, but:
//!
//! - *`RetryAfterLayer` inside classify*: it judges by status alone. A refusal inside a 200 is not seen,
//!   and a quota header counts beside a wait in the body, for the body has not been read yet.
//! - *`RetryAfterLayer` outside the retry layer*: the wait comes too late, only the caller sees it.
//! - *`PauseLayer` inside the circuit breaker*: a probe holds its slot for the whole pause, and the clock
//!   of slow calls runs while nothing is sent.
//! - *`PauseLayer` inside attempt timeouts*: they run out while a call waits. Outside, only the caller's
//!   [`Deadline`](tower_steady_core::Deadline) bounds it, and `max_wait`.
//! - *`PauseLayer` outside the retry layer*: retries go past it, so only first tries are held.
//! - *`PauseLayer` inside `RetryAfterLayer`*: it sees no waits but those that classify found in bodies.
//!
//! # Events
//!
//! | level | message | fields | when |
//! |---|---|---|---|
//! | DEBUG | `the server told when it wants us back` | `class`, `status`, `transient`, `wait_ms` | each failure whose headers have a hint |
//! | WARN | `paused at the server's request` | `key`, `left_ms`, `rate` | a pause begins |
//! | DEBUG | `the pause grows` | `key`, `left_ms`, `waiting` | a later end was asked for |
//! | INFO | `the pause ends` | `key`, `waiting`, `rate` | noticed by the next call that comes by, so late where none does |
//! | DEBUG | `refused at this pace: slower` | `key`, `rate` | a refusal has lowered the rate |
//! | DEBUG | `not sent: paused` | `key`, `veto`, `reason` (a [`PausedReason`](pause::PausedReason)), `left_ms` | once a call that gives up waiting |
//! | DEBUG | `not paused: the wait is over the cap` | `key`, `class`, `wait_ms` | each refusal of a used-up quota |
//! | WARN | `not paused: too many keys are` | `key`, `limit` | a key finds no room |
//!
//! `rate` is in calls a second, `waiting` a number of calls. The other fields mean what they do
//! [everywhere](tower_steady_core::event); those that are not known are left out.
//!
//! Without any subscriber a [`PauseHandle`] shows the keys that are paused, for how long, the rate and the
//! queue; with the feature `serde` its snapshots can be serialised.
//!
//! [`Outcome`]: tower_steady_core::Outcome
//!
//! # Metrics
//!
//! With the feature `metrics`, over the [`metrics`](https://docs.rs/metrics) facade:
//!
//! | name | kind | unit | labels | meaning |
//! |---|---|---|---|---|
//! | `tower_steady.retry_after.wait` | histogram | s | `class` | Waits that servers asked for in the headers of a failure. |
//! | `tower_steady.pause.pauses` | counter | {pause} | `name` | Pauses that began; one that grows is the same. |
//! | `tower_steady.pause.wait` | histogram | s | `name` | Time that calls waited for the end of a pause and for their turn, and were sent then. |
//! | `tower_steady.pause.rejections` | counter | {call} | `name`, `reason` | Calls that were not sent because of a pause: `max_wait`, `deadline`, `queue_full`. |

mod events;
mod future;
pub mod hints;
mod layer;
mod metrics;
mod moment;
pub mod pause;
mod quota;
mod service;
mod sync;
#[cfg(test)]
mod tests;

pub use self::future::ResponseFuture;
pub use self::layer::RetryAfterLayer;
#[cfg(feature = "metrics")]
pub use self::metrics::{METRICS, describe_metrics};
pub use self::pause::{Pause, PauseBuilder, PauseHandle, PauseLayer, PauseSnapshot, Paused};
pub use self::service::RetryAfter;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
