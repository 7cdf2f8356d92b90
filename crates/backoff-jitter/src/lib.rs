//! The retry loop as a tower layer: call again, later, and only where it makes sense.
//!
//! A naive loop retries what cannot succeed, comes back when the whole crowd does, ignores the
//! server's wait or sleeps it past the caller's deadline, and multiplies with the loop of the next
//! layer. [`RetryLayer`] decides in one place: the class of the failure says *whether*, a [`Plan`] and
//! the server's wait say *when*, and attempts, cap, deadline and budget say *no*.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use http::{Request, Response};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_steady_backoff_jitter::RetryLayer;
//! use tower_steady_core::Report;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let answers = Arc::new(Mutex::new([503, 429].into_iter()));
//! let provider = service_fn(move |_: Request<String>| {
//!     let status = answers.lock().unwrap().next().unwrap_or(200);
//!     let answer = Response::builder().status(status).body("…").unwrap();
//!     async { Ok::<_, BoxError>(answer) }
//! });
//! let client = ServiceBuilder::new().layer(RetryLayer::new()).service(provider);
//!
//! let answer = client.oneshot(Request::new("prompt".to_owned())).await;
//! assert_eq!(answer.as_ref().unwrap().status(), 200);
//! let report = Report::of(&answer).unwrap();
//! assert_eq!(report.to_string(), "after 3 sends: overloaded, rate_limited, success");
//! # }
//! ```
//!
//! # Whether
//!
//! The layer calls again if the `Outcome` of a try is transient and nobody has vetoed it; without an
//! outcome the status decides, and any error is a transport failure. Then, in this order, the first
//! that objects writes its veto and ends the call:
//!
//! 1. the total limit is reached ([`MaxAttempts`] lowers it for a call), and so nothing was kept to be
//!    sent again: `attempts`;
//! 2. the request must not be repeated ([`NonIdempotent`], [`RetryBuilder::non_idempotent`]) and may
//!    have been processed: `not_idempotent`; or its body cannot be sent again (`TryClone`):
//!    `not_replayable`;
//! 3. the limit of the class's plan is reached, or a retry layer below has used up the total:
//!    `attempts`;
//! 4. the server's wait is over the cap: `wait_over_cap`, with the time left;
//! 5. the wait and a useful try do not fit before the `Deadline` note: `deadline`;
//! 6. the gate on the outcome, which a budget leaves, refuses: its veto.
//!
//! All of it before sleeping. Giving up on a transient failure always leaves a veto, so that retry
//! layers in each other do not multiply: three by three make three sends.
//!
//! # When
//!
//! | failure | tries | window before the retries |
//! |---|---|---|
//! | `rate_limited` | 5 | 1, 2, 4, 8 s |
//! | `overloaded` (529), `server_error` (500), `timeout`, `transport`, whatever the server asks to retry | 3 | 1, 2 s |
//! | `server_error` 502, `overloaded` 503, `timeout` 504 | 3 | 2, 4 s |
//! | `conflict` | 3 | 0.5, 1 s |
//!
//! Windows are capped (20 s, [`RetryBuilder::cap`]) and then jittered: by default the delay is
//! `U(0, window)`, [`Jitter::Full`]. Where the server asked for a wait it is a floor, and the delay is
//! `max(wait, minimum) + U(0, window)`: never early, and never all at once. The layer reads no header: a
//! wait is known to it where one inside of it has noted it (`RetryAfterLayer`, or `ClassifyLayer` one in a
//! body). Each call draws its own randomness. The tries of a class count against its plan, all tries
//! against the total of 5.
//!
//! [`RetryLayer::interactive`] makes 3 tries in all and refuses a wait above 30 s;
//! [`RetryLayer::background`] makes 6 in every transient class, with windows and waits up to 60 s.
//!
//! # What comes back
//!
//! The provider's own last answer; on a failure with the `Outcome` (a success needs none:
//! `Outcome::read` tells either) and, if it took more than one try or failed, with a `Report`: each
//! try's class, status, wait and time. A failed answer whose body was read
//! to its end (`Outcome::whole`) is kept across the wait, any other is dropped first and frees its
//! connection. If the next try then cannot be sent (a layer here rejects it, the service is not ready
//! for it) the kept answer comes back with the veto, and the budget's grant is given back.
//!
//! A first try that succeeds costs one copy of the head into a pooled buffer and one clone of the body;
//! it gets no note and allocates nothing (a `Bytes` fresh from a `Vec` allocates its count when it is
//! first cloned). The service below is cloned for a retry only.
//!
//! # Options
//!
//! [`RetryBuilder::repair`] changes a failed request once ([`Repair`]: shorten the prompt after
//! `context_length`); [`RetryBuilder::attempt_header`] and [`RetryBuilder::idempotency_key`] add headers.
//!
//! # Events
//!
//! Each call has a span, from its first send to its answer's head, in which all that the layers below
//! tell stands too. Its body is read later, outside of it. Names are OpenTelemetry's where it has one.
//!
//! | level | message | fields | when |
//! |---|---|---|---|
//! | INFO | `call`, a span | `otel.kind` (`client`), `http.request.method`, `server.address`, `server.port`, `outcome` (`success`, `failed`, `given_up`, `dropped`), `attempts` (sends), `class`, `veto`, `wait_ms` (in all), `request_id`, `http.response.status_code`, `error.type` (the class), `otel.status_code` (`ERROR`) | all but the first four at its end |
//! | DEBUG | `attempt` | `class`, `status`, `attempt`, `elapsed_ms`, `wait_ms` (the server's word), `request_id` | each try, at its end |
//! | WARN | `retrying` | `class`, `status`, `attempt` (that failed), `wait_ms`, `request_id`, `repaired` | once a retry, before its wait |
//! | WARN | `giving up` | `class`, `status`, `attempt`, `request_id`, `veto`, `detail`, `left_ms` | once a call that fails on a transient failure |
//! | ERROR | `authentication failed` | `class`, `status`, `attempt`, `request_id` | a call ends so, and no classifier below has told of it |
//!
//! The fields mean what they do [everywhere](tower_steady_core::event); those that are not known are left
//! out. Never a header's value, but for the request id, and of the URL only host and port. Of retry
//! layers in each other the innermost retries and gives up; each has a span, and tries of its own.
//!
//! Where no subscriber wants them, span and events cost a look at a global each.
//!
//! # Metrics
//!
//! With the feature `metrics`, over the [`metrics`](https://docs.rs/metrics) facade:
//!
//! | name | kind | unit | labels | meaning |
//! |---|---|---|---|---|
//! | `gen_ai.client.operation.duration` | histogram | s | `name`, `error.type` | Calls with all their tries and waits, until the answer's head is there. |
//! | `tower_steady.retry.attempts` | counter | {attempt} | `name`, `class` | Tries that were sent, by what they came to. |
//! | `tower_steady.retry.retries` | counter | {attempt} | `name`, `class` | Retries, by what the try before came to; counted before their wait. |
//! | `tower_steady.retry.wait` | histogram | s | `name`, `class` | Waits before retries, by what the try before came to. |
//! | `tower_steady.retry.give_ups` | counter | {call} | `name`, `class`, `reason` | Calls that end on a transient failure, by the veto that ended them. |
//!
//! # Where it stands
//!
//! Outside of everything that should see each try (budget, pause, breaker, attempt timeouts, hints,
//! classifier) and inside of what should see the call once (body replay, deadline, fallback).
//!
//! * Outside of an attempt timeout a hanging try is cut and tried again; inside of one the timer cuts
//!   the whole call and its report is lost.
//! * Inside of the budget no gate is seen: the budget can count retries and not refuse them.
//! * Inside of the breaker one failed *call* counts once, and an open circuit does not stop a call
//!   that is already retrying.
//! * Inside of the classifier only statuses are seen: an exhausted quota is retried like any 429.
//! * A layer in between that rebuilds responses loses the notes: retries go by status and, unknown to
//!   have passed a gate, unpaid, which a budget further in charges or rejects.
//! * What signs or authenticates belongs inside, next to the client, so that each try is signed anew.

mod buffer;
mod call;
mod config;
mod copy;
mod decision;
mod error;
mod event;
mod future;
mod jitter;
mod layer;
mod metrics;
mod notes;
mod plan;
mod repair;
mod schedule;
mod service;
mod session;
mod snapshot;
mod span;

pub use self::config::RetryBuilder;
pub use self::error::NotSent;
pub use self::future::ResponseFuture;
pub use self::jitter::Jitter;
pub use self::layer::RetryLayer;
#[cfg(feature = "metrics")]
pub use self::metrics::{METRICS, describe_metrics};
pub use self::notes::{MaxAttempts, NonIdempotent};
pub use self::plan::Plan;
pub use self::repair::{NoRepair, Repair};
pub use self::schedule::Schedule;
pub use self::service::Retry;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
