//! How long may all of it take, and how long each attempt?
//!
//! Two layers:
//!
//! - [`DeadlineLayer`] gives a call one absolute deadline: over all attempts, and the waits between
//!   them. It comes from the layer itself, from a [`Deadline`](tower_steady_core::Deadline) that the
//!   caller put into the request's extensions ([`after`] makes one), or from a header such as
//!   `grpc-timeout`; the earliest wins. It is noted for all layers below, and on demand sent on.
//! - [`AttemptTimeoutLayer`] stands inside circuit breaker and retry loop and limits each attempt: the
//!   time to headers, to first output, the pauses after that, and the call's deadline.
//!
//! Two, because one timer around everything tells nobody anything: it drops the call, and what is
//! dropped is neither success nor failure. A breaker below it sees cancelled calls and stays closed
//! while the provider hangs, and the retry loop never gets to its second attempt. A timer *inside*
//! gives an ordinary `timeout` that is counted and retried. Ten seconds in all with four an attempt
//! against a provider that hangs are three attempts (4, 4 and 2 seconds), three failures and no
//! cancelled call. The outer layer's own timer is but a backstop for what does not heed the note.
//!
//! ```
//! use std::time::Duration;
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_steady_core::{BoxError, Class, Failure};
//! use tower_steady_deadline::{AttemptElapsed, AttemptTimeoutLayer, DeadlineLayer, Timer};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let client = ServiceBuilder::new()
//!     .layer(DeadlineLayer::builder().timeout(Duration::from_secs(10)).build()?)
//!     // Here stand the retry layer, the circuit breaker, ...
//!     .layer(AttemptTimeoutLayer::builder().headers(Duration::from_secs(4)).build()?)
//!     .service(service_fn(|_: Request<String>| async {
//!         std::future::pending::<()>().await; // a provider that hangs
//!         Ok::<_, BoxError>(Response::new(String::new()))
//!     }));
//!
//! let error = client.oneshot(Request::new("Hello".to_owned())).await.unwrap_err();
//! let failure = Failure::find(&*error).expect("names its outcome");
//! assert_eq!(failure.outcome().class, Class::Timeout);
//! assert!(failure.outcome().may_retry());
//! let elapsed: &AttemptElapsed = failure.find_source().expect("names its timer");
//! assert_eq!(elapsed.timer(), Timer::Headers);
//! # Ok(())
//! # }
//! ```
//!
//! # What each part of a call is bounded by
//!
//! | part | [`DeadlineLayer`] | [`AttemptTimeoutLayer`] |
//! |---|---|---|
//! | waiting for `poll_ready` of the outermost service | nothing: there is no call yet | nothing |
//! | waits between attempts, readiness of a retry | the deadline | – |
//! | head of the response | the deadline | `headers`, `first_output`, the deadline |
//! | body up to the first output | – | `first_output`, the deadline |
//! | body after that | – | `idle`, the deadline (unless `deadline_in_body` is off) |
//!
//! A caller's own deadline that leaves an attempt less than ten seconds, and any deadline that ends a
//! stream whose output has begun, say nothing about the provider: such a timeout is marked
//! ([`impatient`](tower_steady_core::Outcome::impatient)), and the circuit breaker counts it as
//! cancelled. Else one impatient caller, or a header of a stranger's request, would open the circuit for
//! all. Where all callers are less patient than that, `first_output` below their patience is what tells
//! of a provider that hangs.
//!
//! Timers bound waiting. Output that has arrived is handed on, even if a timer ran out meanwhile: a
//! slow reader loses nothing. A keep-alive is no output, and does not hold off the deadline or the
//! time to first output either; that a reader stayed away after it is no pause of the provider's. A
//! refusal whose body classify still waits for is not lost to a timer: it is answered as it is then.
//!
//! A call that comes after its deadline is not sent: class `rejected`, veto `deadline`, source
//! [`DeadlineElapsed`]. The breaker does not hold that against the provider.
//!
//! Timers are tokio's: where one has to be set, polling outside of a tokio runtime with its time
//! driver enabled panics.
//!
//! # Place in the stack
//!
//! `DeadlineLayer` outside of whatever retries, falls back or queues. Inside the retry loop its own
//! `timeout` would start anew with every attempt, and its veto would end the loop.
//!
//! `AttemptTimeoutLayer` inside the circuit breaker and outside of classify. Outside of the breaker,
//! what times out is dropped in the breaker and counts as cancelled. Outside of the retry loop its
//! limits are for all attempts together. Below classify it does not know when output begins, and
//! takes for it the first data that is not a keep-alive; and a head that classify holds back is not
//! timed at all.
//!
//! # Events
//!
//! | level | message | fields | when |
//! |---|---|---|---|
//! | WARN | `deadline had passed before the call` | `class`, `veto` | nothing was sent |
//! | WARN | `deadline passed during the call` | `class`, `veto` | no layer further in had noticed |
//! | DEBUG | `attempt timed out` | `class`, `attempt`, `reason` (the [`Timer`]), `elapsed_ms` | head or body of a try was late |
//! | DEBUG | `unreadable timeout header` | `header` (its name) | it is ignored |
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
//! | `tower_steady.deadline.expirations` | counter | {call} | `reason` | Calls that came after their deadline (`before_call`) or were cut by it (`during_call`). |
//! | `tower_steady.attempt_timeout.expirations` | counter | {attempt} | `timer` | Attempts that timed out, by the timer that ran out. |

mod attempt;
mod call;
mod clock;
mod error;
mod events;
mod header;
mod metrics;
mod within;

pub use self::attempt::{
    AttemptFuture, AttemptTimeout, AttemptTimeoutBuilder, AttemptTimeoutLayer, ResponseBody,
};
pub use self::call::{DeadlineBuilder, DeadlineFuture, DeadlineLayer, DeadlineService};
pub use self::clock::after;
pub use self::error::{AttemptElapsed, DeadlineElapsed, Timer};
pub use self::header::TimeoutFormat;
#[cfg(feature = "metrics")]
pub use self::metrics::{METRICS, describe_metrics};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
