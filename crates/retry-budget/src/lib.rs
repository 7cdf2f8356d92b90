//! Can we afford to call again?
//!
//! A retry is a request that the caller did not make. While a provider is healthy there are few of
//! them; when it is down, every call becomes three, just when it can take none. This crate bounds
//! retries in two ways, each a layer:
//!
//! - [`RetryBudgetLayer`] bounds how *many* there are: a token bucket that successes fund. Where
//!   nothing succeeds, there is nothing to spend.
//! - [`SpendLayer`] bounds what they *cost*: input tokens or micro-dollars against hard limits per
//!   request, per workflow and per rolling hour. See [`spend`].
//!
//! Neither decides about retries, nor delays or refuses a first try. On the way up they leave a gate
//! on each transient outcome ([`Gate`](tower_steady_core::Gate)); the retry layer outside asks it
//! last, when nothing else stands in the way, so nothing is taken for the last attempt, past a
//! deadline or against another layer's veto. A [`Grant`](tower_steady_core::Grant) that is dropped
//! gives its price back. Where the gate refuses, the caller gets the provider's own answer, with the
//! figures in the veto on its outcome.
//!
//! # Example
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower_steady_core::Class;
//! use tower_steady_retry_budget::RetryBudgetLayer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let budget = RetryBudgetLayer::builder()
//!     .name("openai")
//!     .deposit(0.1) // ten successes fund one retry
//!     .cost_of(Class::RateLimited, 0.5) // or two, where we were only too fast
//!     .build()?;
//! let handle = budget.handle();
//!
//! let stack = ServiceBuilder::new()
//!     // .layer(backoff): the retry layer stands outside and asks the gate
//!     .layer(budget);
//! # let _ = stack;
//!
//! assert_eq!(handle.balance(), Some(10.0));
//! assert_eq!(handle.snapshot().denied, 0);
//! # Ok(())
//! # }
//! ```
//!
//! # The default size
//!
//! With λ first tries a second over T seconds, of which a share s succeeds, the sends per first try
//! are at most
//!
//! ```text
//! A ≤ 1 + ⌊initial / cost⌋ / (λ T) + reserve / (cost λ) + s · deposit / cost
//! ```
//!
//! for tokens come in by these three ways only, and no retry is sent without its price. How large a
//! bucket may be is thus decided by the *shortest* outage that one cares about, and always goes with
//! a T: the 500 tokens of AWS 2.0 look excellent over five minutes and let 1.67 through over half a
//! minute. The defaults (initial and capacity 10, cost 1, reserve 0.1 a second, deposit 0.1) give a
//! process that makes 5 calls a second, with all of it failing,
//!
//! | T | bound | aim |
//! |---|---|---|
//! | 300 s | 1 + 10/1500 + 0.1/5 = 1.027 | 1.10 |
//! | 30 s | 1 + 10/150 + 0.1/5 = 1.087 | 1.15 |
//! | 30 s, a third still succeeds | 1.087 + 0.033 = 1.120 | 1.15 |
//!
//! and a busier one less. One that makes fewer has the reserve to live on, a retry every ten seconds:
//! its share of retries is higher, its number is not. A success-funded bucket also cannot keep an
//! overload alive: load with retries is λ (1 + deposit/cost · s), which falls back to λ as s does,
//! where a budget funded by *requests* stays at λ (1 + p) and never recovers once that is above what
//! the provider can take (Bronson et al., "Metastable Failures in Distributed Systems", `HotOS` 2021).
//!
//! | preset | after | sends per first try at 5/s: 300 s | 30 s |
//! |---|---|---|---|
//! | [`new`](RetryBudgetLayer::new) | | 1.03 | 1.09 |
//! | [`grpc`](RetryBudgetLayer::grpc) | gRPC proposal A6 | 1.00 | 1.02 |
//! | [`aws_2_0`](RetryBudgetLayer::aws_2_0) | AWS SDKs, standard mode up to 2025 | 1.07 | 1.67 |
//! | [`aws_2_1`](RetryBudgetLayer::aws_2_1) | AWS SDKs, standard mode from 2026 | 1.02 | 1.23 |
//! | [`finagle`](RetryBudgetLayer::finagle) | Finagle `RetryBudget` | 3.00 | 3.00 |
//!
//! (three tries allowed; Finagle's ten free retries a second are more than 5 calls a second need.)
//!
//! # Exactness
//!
//! Amounts are whole millionths of a token, so 0.15, 0.3, 0.6 and 0.9 give what they say, where a
//! price of `1 / 0.6` cut to an integer gives 1 (tower#857). For one thread the bucket is exactly the
//! plain one, capacity included; for many, no more is granted than was there and came in, and there
//! is never more than the capacity. Of two threads that meet, one may be refused although tokens are
//! just being moved, and what comes into a bucket that is all but full may be lost although there is
//! just room for it, or kept although there is just none.
//!
//! A deposit is one atomic step on the running thread's own cache line: no lock, no clock, no
//! allocation, and only a look where the line alone would fill the bucket already. A withdrawal that
//! its thread's own deposits pay for stays on that line, too, and at the gate it is told the time.
//! Three things cost more: [`BudgetHandle::withdraw`] reads the clock where there is a reserve,
//! [`ttl`](RetryBudgetBuilder::ttl) makes each deposit read the clock and lock, and a cost function of
//! [`SpendBuilder::cost`] runs for each call.
//!
//! # Where it stands
//!
//! Right inside the retry layer, so that it sees every try. All clones of a layer share one budget:
//! two routes to one provider should share it, two providers should not, or one outage eats the
//! other's retries.
//!
//! - *Outside the retry layer* it sees one success per call and no failure that a retry mended; its
//!   gates come too late for anybody to ask. Retries are unbounded, and the balance says nothing.
//! - *Inside of pause or circuit-breaker* works too; an answer that those layers make themselves then
//!   passes it by, which costs nothing, for they are no successes and not retried.
//! - *Outside of a layer that drops the notes*, such as one that rebuilds the response, it judges by
//!   status alone. *Inside of one*, its gate is lost, and the retry layer's repeats come unpaid: each
//!   attempt of number 2 and up whose note does not say `paid` is charged here, or rejected before it
//!   is sent, with [`BudgetExhausted`] in a [`Failure`](tower_steady_core::Failure). A retry layer
//!   that leaves no [`Attempt`](tower_steady_core::Attempt) note at all looks like first tries: give
//!   it the budget under tower's trait.
//! - *Twice in one stack* the inner one does the work, so that a success is not paid in twice
//!   (finagle#956). That is noticed where the outer one is called through to the inner at once, not
//!   across a queue such as `tower::buffer`.
//!
//! A 2xx counts when its head arrives. A stream that breaks later keeps what it brought.
//!
//! # Events
//!
//! | level | message | fields | when |
//! |---|---|---|---|
//! | WARN | `retry budget exhausted` | `name`, `veto`, `balance`, `cost` | at the first refusal, and again only after ten seconds without one |
//! | INFO | `retry budget recovered` | `name`, `denied` (refusals since the warning) | at the first retry granted ten seconds or more after the last refusal |
//! | WARN | `spend limit hit` | `name`, `veto`, `reason` (the limit: `per_request`, …), `used`, `limit`, `cost`, `unit`, `workflow` | once per request or workflow; for the hour and for a full map of workflows again after a minute without a refusal |
//! | DEBUG | `unpaid repeat charged` | `attempt` | a repeat came without having asked: some layer loses the notes |
//! | DEBUG | `unpaid repeat rejected` | `attempt`, `veto` | the same, and there was nothing to pay it with |
//!
//! The fields mean what they do [everywhere](tower_steady_core::event); those that are not known are left
//! out.
//!
//! # Metrics
//!
//! With the feature `metrics`, over the [`metrics`](https://docs.rs/metrics) facade:
//!
//! | name | kind | unit | labels | meaning |
//! |---|---|---|---|---|
//! | `tower_steady.retry_budget.balance` | gauge | {token} | `name` | Tokens there are; none of a foreign budget. |
//! | `tower_steady.retry_budget.withdrawals` | counter | {attempt} | `name` | Retries that were granted. |
//! | `tower_steady.retry_budget.refunds` | counter | {attempt} | `name` | Grants that were given back because the retry was not sent. |
//! | `tower_steady.retry_budget.denials` | counter | {attempt} | `name` | Retries that were refused. |
//! | `tower_steady.spend.charged` | counter | {unit} | `name`, `unit` | What granted retries cost, in `tokens` or `micro_dollars`. |
//! | `tower_steady.spend.refunded` | counter | {unit} | `name`, `unit` | What of it was given back because the retry was not sent. |
//! | `tower_steady.spend.denials` | counter | {attempt} | `name`, `limit` | Retries that were refused, by the limit that was hit. |
//!
//! # Features
//!
//! - `metrics`: what is counted is [listed above](#metrics).
//! - `serde`: snapshots can be serialised.
//! - `tower`: [`BudgetHandle`] implements `tower::retry::budget::Budget`, and
//!   `RetryBudgetLayer::from_budget` takes any such budget in place of ours. That trait knows one
//!   price and no refund.

mod account;
mod bucket;
mod call;
mod charge;
mod config;
mod episode;
mod error;
mod events;
#[cfg(feature = "tower")]
mod foreign;
mod future;
mod gate;
mod handle;
mod layer;
mod metrics;
mod nesting;
mod service;
pub mod spend;
mod sync;
mod tally;
#[cfg(test)]
mod tests;
mod till;
mod tokens;
mod vault;
mod window;

pub use self::config::RetryBudgetBuilder;
pub use self::error::BudgetExhausted;
pub use self::future::ResponseFuture;
pub use self::handle::{BudgetHandle, BudgetSnapshot};
pub use self::layer::RetryBudgetLayer;
#[cfg(feature = "metrics")]
pub use self::metrics::{METRICS, describe_metrics};
pub use self::service::RetryBudget;
pub use self::spend::{
    Cost, RequestInfo, Spend, SpendBuilder, SpendHandle, SpendLayer, SpendSnapshot, Unit, Workflow,
    WorkflowSpend, input_tokens,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
