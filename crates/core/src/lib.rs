//! The words that all tower-steady layers speak.
//!
//! Layers do not know each other. They leave notes on what passes through and read the notes of
//! others; this crate defines the notes, and what layers count with ([`metrics`]). It depends on `http`
//! and `std` alone, and on the `metrics` facade where the feature of that name is on.
//!
//! | note | travels | read and written with |
//! |---|---|---|
//! | [`Attempt`], [`Deadline`] | down, in the request's extensions | `extensions().get()` / `insert()` |
//! | [`Held`] | down with a retry that a gate granted | [`Held::mark`], for a layer that keeps calls waiting |
//! | [`Outcome`] | up, in the response's extensions or in a [`Failure`] around the error | [`Outcome::read`], [`Outcome::amend`] |
//! | [`Report`] | up, beside the outcome of a finished call | [`Report::of`] |
//! | [`StreamOutcome`] | later, with a streamed body | `extensions().get()` |
//!
//! No note is a note too: a response without an [`Outcome`] is judged by its status alone, an error
//! without a [`Failure`] is a transport failure, a request without an [`Attempt`] is the first try.
//! So every layer works without the others, only less well; but for what nobody else can tell. A wait
//! that no layer has read from the answer is not obeyed, so a pause does nothing alone.
//!
//! # Example
//!
//! A layer of your own takes part by reading and amending the outcome:
//!
//! ```
//! use http::Response;
//! use tower_steady_core::{BoxError, Class, Outcome, Veto, VetoReason};
//!
//! let mut result: Result<Response<()>, BoxError> =
//!     Ok(Response::builder().status(503).body(()).unwrap());
//! assert_eq!(Outcome::read(&result).class, Class::Overloaded);
//! assert!(Outcome::read(&result).may_retry());
//!
//! // Leave a word for every layer further out: no further try.
//! Outcome::amend(&mut result, |outcome| outcome.forbid(Veto::new(VetoReason::Budget)));
//! assert!(!Outcome::read(&result).may_retry());
//! ```

mod attempt;
mod body;
mod class;
mod config;
mod deadline;
pub mod event;
mod failure;
mod gate;
mod held;
pub mod hint;
pub mod key;
mod last_poll;
pub mod metrics;
mod outcome;
pub mod readiness;
mod report;
pub mod request_id;
mod rounded;
mod seeds;
pub mod shard;
mod shared;
mod stream;
mod veto;

pub use self::attempt::Attempt;
pub use self::body::TryClone;
pub use self::class::Class;
pub use self::config::ConfigError;
pub use self::deadline::Deadline;
pub use self::failure::Failure;
pub use self::gate::{Gate, Grant};
pub use self::held::Held;
pub use self::last_poll::LastPoll;
pub use self::outcome::Outcome;
pub use self::report::{AttemptReport, Head, Report};
pub use self::rounded::Rounded;
pub use self::seeds::Seeds;
pub use self::shared::{Lease, Shared};
pub use self::stream::StreamOutcome;
pub use self::veto::{Veto, VetoReason};

/// The error type of every tower-steady service, the same alias as tower's.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
