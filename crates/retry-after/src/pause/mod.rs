//! One refusal stops every call of its key.

pub(crate) mod book;
mod clock;
pub(crate) mod config;
mod error;
mod future;
mod handle;
mod layer;
pub(crate) mod line;
mod pacer;
mod registry;
mod service;
pub(crate) mod slot;
mod verdict;
mod waiting;

pub use self::config::PauseBuilder;
pub use self::error::{Paused, PausedReason};
pub use self::future::ResponseFuture;
pub use self::handle::{PauseHandle, PausedKey};
pub use self::layer::PauseLayer;
pub use self::service::Pause;
