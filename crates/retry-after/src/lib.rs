//! When does the server want us back?
//!
//! Providers answer a refusal with a wait in a dozen forms. [`RetryAfterLayer`] reads them all from
//! the headers and leaves the wait on the [`Outcome`](tower_steady_core::Outcome), for the retry layer
//! further out; [`hints`] has the table.

mod future;
pub mod hints;
mod layer;
mod moment;
mod quota;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::RetryAfterLayer;
pub use self::service::RetryAfter;
