//! One refusal stops every call of its key.

mod book;
mod clock;
mod config;
mod error;
mod future;
mod handle;
mod layer;
mod line;
mod pacer;
mod registry;
mod service;
mod slot;
mod verdict;
mod waiting;

pub use self::config::PauseBuilder;
pub use self::error::{Paused, PausedReason};
pub use self::future::ResponseFuture;
pub use self::handle::{PauseHandle, PausedKey};
pub use self::layer::PauseLayer;
pub use self::service::Pause;
