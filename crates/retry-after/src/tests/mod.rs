//! Tests that need what is private.

#[cfg(not(steady_loom))]
mod flight;
#[cfg(steady_loom)]
mod loom;
#[cfg(not(steady_loom))]
mod pacer;
#[cfg(not(steady_loom))]
mod wakers;
