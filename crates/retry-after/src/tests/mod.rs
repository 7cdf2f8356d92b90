//! Tests that need what is private.

#[cfg(steady_loom)]
mod loom;
