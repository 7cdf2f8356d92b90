//! When does the server want us back?
//!
//! Providers answer a refusal with a wait in a dozen forms. [`RetryAfterLayer`] reads them all from
//! the headers and leaves the wait on the [`Outcome`](tower_steady_core::Outcome), for the retry layer
//! further out; [`hints`] has the table.

mod future;
pub mod hints;
mod layer;
mod moment;
pub mod pause;
mod quota;
mod service;
mod sync;
#[cfg(test)]
mod tests;

pub use self::future::ResponseFuture;
pub use self::layer::RetryAfterLayer;
pub use self::pause::{Pause, PauseBuilder, PauseHandle, PauseLayer, Paused};
pub use self::service::RetryAfter;
