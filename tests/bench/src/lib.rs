//! What the layers cost per call, beside their peers in one run.
//!
//! `cargo bench -p bench` prints one table; with `-- --json` it prints one object a line. Every case
//! runs over the same [`bare::Bare`] service, and what is reported is the difference to that service
//! alone with the same request:
//!
//! - *ns*: criterion's median of paired samples (bare, layered, bare in turn), hand-polled;
//! - *allocs*: exact, from a counting allocator;
//! - *instructions*: exact, from callgrind through gungraun, after a warm-up; skipped with a message
//!   where valgrind or gungraun's runner is not installed;
//! - *threads2*: calls a second of two threads that share the layer, over those of one, in a loop of our
//!   own, for criterion measures one thread. More than two are not measured: the machine that the
//!   published figures come from has two cores.
//!
//! A figure beyond the project's own limit ([`holds`]) is set in bold, the limit behind it.
//!
//! All but the last are measured in a program of its own (`src/bin`), which the bench starts for one case
//! at a time: criterion and gungraun each print a report of their own, and a counting allocator costs time.

#![allow(
    clippy::missing_panics_doc,
    reason = "a harness that cannot go on stops"
)]

pub mod bare;
pub mod cases;
pub mod drive;
pub mod holds;
pub mod keys;
pub mod loopback;
pub mod measure;
pub mod ours;
pub mod parts;
pub mod peers;
pub mod probe;
pub mod request;
