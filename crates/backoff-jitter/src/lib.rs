//! The retry loop as a tower layer.

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
mod notes;
mod plan;
mod repair;
mod schedule;
mod service;
mod session;
mod snapshot;

pub use self::config::RetryBuilder;
pub use self::error::NotSent;
pub use self::future::ResponseFuture;
pub use self::jitter::Jitter;
pub use self::layer::RetryLayer;
pub use self::notes::{MaxAttempts, NonIdempotent};
pub use self::plan::Plan;
pub use self::repair::{NoRepair, Repair};
pub use self::schedule::Schedule;
pub use self::service::Retry;
