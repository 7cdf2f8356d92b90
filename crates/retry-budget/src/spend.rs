//! What retries may cost: hard limits per request, per workflow and per rolling hour.
//!
//! The ratio budget bounds how *many* retries there are; this one bounds what they *cost*, for one
//! retry of a 200 000 token prompt is not one ping. First tries are free: they are the caller's own
//! doing. Whatever is refused here, the caller still gets the provider's answer.
//!
//! A limit holds for retries that are under way, too: the cost is reserved before a retry is sent and
//! given back only if it is not sent. What a retry really came to is not looked up afterwards.
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower_steady_retry_budget::{RetryBudgetLayer, SpendLayer, Unit, input_tokens};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Three dollars per million input tokens are three micro-dollars a token.
//! let spend = SpendLayer::builder()
//!     .unit(Unit::MicroDollars)
//!     .cost(|request| input_tokens(request).saturating_mul(3))
//!     .per_request(500_000)
//!     .per_hour(10_000_000)
//!     .build()?;
//! let ledger = spend.handle();
//!
//! let stack = ServiceBuilder::new()
//!     // .layer(backoff): the retry layer stands outside
//!     .layer(RetryBudgetLayer::new())
//!     .layer(spend);
//! # let _ = stack;
//! assert_eq!(ledger.snapshot().spent, 0);
//! # Ok(())
//! # }
//! ```

mod book;
mod config;
mod cost;
mod future;
mod gate;
mod handle;
pub(crate) mod hour;
mod layer;
mod ledger;
mod service;

pub use self::config::SpendBuilder;
pub use self::cost::{Cost, RequestInfo, Unit, Workflow, input_tokens};
pub use self::future::ResponseFuture;
pub use self::handle::{SpendHandle, SpendSnapshot, WorkflowSpend};
pub use self::layer::SpendLayer;
pub use self::service::Spend;
