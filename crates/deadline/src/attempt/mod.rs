//! The limits of each attempt.

mod body;
mod config;
mod future;
mod layer;
mod service;
mod sse;
mod timers;

pub use self::body::ResponseBody;
pub use self::config::AttemptTimeoutBuilder;
pub use self::future::AttemptFuture;
pub use self::layer::AttemptTimeoutLayer;
pub use self::service::AttemptTimeout;
