//! Storms in a simulation: what the layers do on the day the provider breaks, beside what people use
//! today.
//!
//! A [provider] that exists only in virtual time answers over the real `http` types, under a queue,
//! rate limits and whatever trouble an experiment makes. A population of [clients](client) calls it
//! through the [contenders]: the real layers, and the real peers or their documented policies, all on
//! the same HTTP client. Everything runs on tokio's paused clock, one runtime a simulation, and repeats
//! exactly by its seed, so the [figures](metrics) are counts and not measurements of a machine.
//!
//! The [experiments] say what goes wrong and which bound must hold; [`run`] runs them and reads the
//! verdicts, [`report`] writes them down. The program is the example `storm`:
//!
//! ```sh
//! cargo run --release --example storm
//! ```
//!
//! # A simulation of your own
//!
//! ```
//! use std::time::Duration;
//! use lab::client::{Prompt, World, simulate};
//! use lab::contenders;
//! use lab::provider::{Provider, Trouble, What};
//!
//! let naive = contenders::named("naive loop").unwrap();
//! let tally = simulate(async {
//!     let outage = Trouble::between(0, 3, What::Outage);
//!     let provider = Provider::roomy().trouble(outage);
//!     let world = World::new(provider, Duration::from_secs(60), 1);
//!     world.client(naive).call(&Prompt::short()).await;
//!     world.recorder.tally()
//! });
//! assert_eq!(tally.sends_per_call(), 4.0);
//! ```
//!
//! # What the simulation leaves out
//!
//! The provider is one first-come-first-served queue that finishes what it has accepted even if the
//! client has hung up. Connections, TLS and back-pressure do not exist; the network is a constant. Use
//! orderings and bounds, not absolute times.

pub mod client;
pub mod contenders;
pub mod experiments;
pub mod metrics;
pub mod provider;
pub mod report;
pub mod run;
