//! What the layers cost per call, beside their peers in one run.
//!
//! `cargo bench -p bench` prints one table; with `-- --json` it prints one object a line. Every case
//! runs over the same [`bare::Bare`] service, and what is reported is the difference to that service
//! alone with the same request:
//!
//! - *ns*: paired (bare, layered, bare in turn), hand-polled, median of many rounds;
//! - *allocs*: exact, from a counting allocator in a process of its own;
//! - *instructions*: exact, from callgrind over two lengths of the same run, so that set-up cancels
//!   out; skipped with a message where valgrind is not installed;
//! - *threads2*: calls a second of two threads that share the layer, over those of one.

#![allow(
    clippy::missing_panics_doc,
    reason = "a harness that cannot go on stops"
)]

pub mod bare;
pub mod cases;
pub mod drive;
pub mod measure;
pub mod ours;
pub mod parts;
pub mod peers;
pub mod probe;
pub mod request;
