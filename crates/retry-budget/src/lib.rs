//! Can we afford to call again?

mod account;
mod bucket;
mod charge;
mod config;
mod episode;
mod error;
#[cfg(feature = "tower")]
mod foreign;
mod future;
mod gate;
mod handle;
mod layer;
mod nesting;
mod service;
pub mod spend;
mod sync;
mod tally;
#[cfg(test)]
mod tests;
mod tokens;
mod window;

pub use self::config::RetryBudgetBuilder;
pub use self::error::BudgetExhausted;
pub use self::future::ResponseFuture;
pub use self::handle::{BudgetHandle, BudgetSnapshot};
pub use self::layer::RetryBudgetLayer;
pub use self::service::RetryBudget;
pub use self::spend::{
    Cost, RequestInfo, Spend, SpendBuilder, SpendHandle, SpendLayer, SpendSnapshot, Unit, Workflow,
    input_tokens,
};
