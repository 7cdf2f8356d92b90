//! The deadline of a whole call.

mod config;
mod future;
mod layer;
mod service;

pub use self::config::DeadlineBuilder;
pub use self::future::DeadlineFuture;
pub(crate) use self::future::refusal;
pub use self::layer::DeadlineLayer;
pub use self::service::DeadlineService;
