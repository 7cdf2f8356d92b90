//! The lab.

#![allow(missing_docs)]
pub mod client;
pub mod contenders;
pub mod experiments;
pub mod metrics;
pub mod provider;
pub mod report;
pub mod run;
