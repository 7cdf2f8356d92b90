//! What the layers cost per call, beside their peers in one run.
//!
//! `cargo bench -p bench` prints one table; with `-- --json` it prints one object a line. Every case
//! runs over the same [`bare::Bare`] service, and what is reported is the difference to that service
//! alone with the same request:
//!
//! - *ns*: paired (bare, layered, bare in turn), hand-polled, median of many rounds;
//! - *allocs*: exact, from a counting allocator in a process of its own;
//! - *instructions*: exact, from callgrind, which counts the calls after a warm-up; skipped with a
//!   message where valgrind is not installed;
//! - *threads2*: calls a second of two threads that share the layer, over those of one. More than two
//!   are not measured: the machine that the published figures come from has two cores.
//!
//! Callgrind is driven by hand in a few lines ([`measure`]). gungraun, the harness for it, wants a runner
//! of exactly its own version installed beside valgrind, takes over `main`, and reports each function
//! by itself; here a figure is the difference of two, and stands in one row with time and allocations.

#![allow(
    clippy::missing_panics_doc,
    reason = "a harness that cannot go on stops"
)]

pub mod bare;
pub mod cases;
pub mod drive;
pub mod keys;
pub mod measure;
pub mod ours;
pub mod parts;
pub mod peers;
pub mod probe;
pub mod request;
