//! Should we call at all? A circuit breaker for tower services that speak HTTP.
//!
//! A provider that is down answers slowly and costs money, and every retry makes it worse. A circuit
//! breaker watches the calls to it. While they end well the circuit is *closed* and calls pass; when they
//! stop ending well it *opens*, and for a while calls fail at once, without being sent; then it is
//! *half-open* and lets a few probes through, which decide whether it closes again.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_steady_circuit_breaker::{CircuitBreakerLayer, CircuitOpen, State};
//! use tower_steady_core::BoxError;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let layer = CircuitBreakerLayer::builder()
//!     .consecutive_failures(2)
//!     .open_for(Duration::from_secs(30))
//!     .build()?;
//! let circuit = layer.handle();
//!
//! let client = ServiceBuilder::new().layer(layer).service(service_fn(|_: Request<String>| async {
//!     Ok::<_, BoxError>(Response::builder().status(503).body(String::new()).unwrap())
//! }));
//!
//! for _ in 0..2 {
//!     client.clone().oneshot(Request::new(String::new())).await?;
//! }
//! assert_eq!(circuit.state(), State::Open);
//!
//! // This call is not sent.
//! let error = client.oneshot(Request::new(String::new())).await.unwrap_err();
//! let open = CircuitOpen::find(&error).expect("the circuit is open");
//! assert!(open.left().unwrap() >= Duration::from_secs(29));
//! # Ok(())
//! # }
//! ```
//!
//! # What opens it
//!
//! Any of the rules that are set: failures in a row, failures within a rolling window, a share of
//! failures, a share of slow calls. The rates need a minimum of calls. The rules are looked at with each
//! call that fails or is slow; a call that ends well opens nothing. Presets with the field's numbers:
//! [`five_in_a_row`](CircuitBreakerBuilder::five_in_a_row),
//! [`five_a_minute`](CircuitBreakerBuilder::five_a_minute),
//! [`half_of_twenty`](CircuitBreakerBuilder::half_of_twenty).
//!
//! What counts is the class of the outcome that the layers below have noted, else of the status; see
//! [`CircuitBreakerBuilder::verdict`]. A 429, be it a rate limit or a used-up quota, opens nothing and
//! closes nothing: the provider is fine and we are over quota, which asks for a pause.
//!
//! # When the verdict falls
//!
//! | the call | its verdict |
//! |---|---|
//! | fails before the head or with it | there |
//! | succeeds, and the response carries no [`StreamOutcome`](tower_steady_core::StreamOutcome) | at its head, whether its body is read or not |
//! | is a stream | when its terminal event has passed, when nothing is left to read, or when it breaks off; or at its first output, see [`JudgeStreams`] |
//! | is dropped before that, or ended by a caller's own limit too early to tell ([`impatient`](tower_steady_core::Outcome::impatient)) | none: it is cancelled, and a probe's slot is free again |
//!
//! A stream's first output is no verdict yet, but a sign of life: it ends a row of failures, which goes
//! on if the stream fails after all, and in the window the call counts from then on. Streams that break
//! are known to be broken long before whole ones are known to be whole, so that ends alone would make an
//! outage of a few early failures.
//!
//! Each call holds a permit of the *generation* it was let through in. Each transition begins a new
//! one, and the verdict of an earlier one is discarded: a call that was sent before an outage cannot open
//! a circuit that has recovered since, nor close one that waits for its probe.
//!
//! A circuit that stands twice in one stack (one layer value used twice, a stack in itself) gives each
//! call both its verdicts, so it opens after half as many failures, and asks a probe for one slot only.
//!
//! # How long it is open
//!
//! max(jittered exponential, the server's own wait): [`open_for`](CircuitBreakerBuilder::open_for) ×
//! [`growth`](CircuitBreakerBuilder::growth)^(trips − 1), capped, and up to a tenth on top at random. The
//! trips in a row start from 1 again once the circuit has stayed closed
//! [for a while](CircuitBreakerBuilder::healthy_after).
//!
//! # A rejected call
//!
//! ends with a [`CircuitOpen`] in a [`Failure`](tower_steady_core::Failure) whose outcome carries the veto
//! `circuit_open`, so that no layer further out retries it; or, for servers, with a
//! [503](CircuitBreakerBuilder::respond). While the circuit rejects calls the service is ready even if the
//! inner one is saturated, so that rejections are immediate.
//!
//! # Elsewhere in the stack
//!
//! Its place is inside the retry loop and outside of the attempt timeouts.
//!
//! * Outside the retry loop it sees one verdict for all attempts, and an outage opens it later.
//! * Inside the attempt timeouts it sees a call that hangs dropped, which is cancelled and so no failure:
//!   a provider that hangs never opens it.
//! * Outside a pause it would count the time that a call waits there as slow, and a probe would hold its
//!   slot all that time.
//! * Without a layer inside it that reads streams (classify), a stream is judged at its head, and an
//!   error inside a 200 is a success.
//!
//! # Events
//!
//! | level | message | fields | when |
//! |---|---|---|---|
//! | WARN | `circuit opened` | `key`, `state` (`open`, `forced_open`), `reason` (a [`TripReason`]), `left_ms`, `trips`, `generation` | calls are rejected from now on |
//! | INFO | `circuit half-open` | `key`, `state`, `reason`, `generation` | the next calls are probes |
//! | INFO | `circuit closed` | `key`, `state` (`closed`, `forced_closed`), `generation` | calls pass again |
//! | DEBUG | `call rejected` | `veto` (`circuit_open`), `key`, `state`, `reason`, `left_ms` | once a call |
//!
//! The fields mean what they do [everywhere](tower_steady_core::event); those that are not known are left
//! out.
//!
//! Without any subscriber a [`CircuitBreakerHandle`] shows a circuit, and
//! [`CircuitBreakerLayer::snapshots`] all of them; with the feature `serde` they can be serialised.
//!
//! # Metrics
//!
//! With the feature `metrics`, over the [`metrics`](https://docs.rs/metrics) facade:
//!
//! | name | kind | unit | labels | meaning |
//! |---|---|---|---|---|
//! | `tower_steady.circuit_breaker.circuits` | gauge | {circuit} | `name`, `state` | Circuits in each state: one, or one for each key. |
//! | `tower_steady.circuit_breaker.transitions` | counter | {transition} | `name`, `from`, `to`, `reason` | Changes of state; `reason` unless it closes. |
//! | `tower_steady.circuit_breaker.rejections` | counter | {call} | `name`, `state`, `reason` | Calls that were not let through, by state and by why the circuit is not closed. |
//!
//! # Cost
//!
//! A call through a closed circuit takes no lock, allocates nothing, and writes to no memory that
//! another thread writes: it reads one word twice and counts its success in its thread's own shard. It
//! reads no clock without a window and one with it; with a rule on slow calls a second one, once it has
//! been sent and waits for its answer. A failure takes a short lock, and a stream allocates one small
//! box. Keyed, a call looks its circuit up in a map whose readers never wait
//! ([papaya](https://docs.rs/papaya)), and counts a reference that all calls with its key share.

mod body;
mod breaker;
mod check;
mod circuit;
mod config;
mod error;
mod events;
mod future;
mod half_open;
mod handle;
mod layer;
mod metrics;
mod permit;
mod presets;
mod registry;
mod rules;
mod service;
mod settings;
mod snapshot;
mod state;
mod sync;
mod tick;
mod width;
mod window;
mod word;

pub use self::body::ResponseBody;
pub use self::config::CircuitBreakerBuilder;
pub use self::error::CircuitOpen;
pub use self::future::ResponseFuture;
pub use self::handle::CircuitBreakerHandle;
pub use self::layer::CircuitBreakerLayer;
#[cfg(feature = "metrics")]
pub use self::metrics::{METRICS, describe_metrics};
pub use self::service::CircuitBreaker;
pub use self::settings::{JudgeStreams, SlowBy};
pub use self::snapshot::CircuitSnapshot;
pub use self::state::{Counts, State, Transition, TripReason, Verdict, WindowCounts};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
