//! What must be tested next to the code: interleavings, and the pure cores by themselves.

#[cfg(not(steady_loom))]
mod bucket;
#[cfg(not(steady_loom))]
mod hour;
#[cfg(steady_loom)]
mod loom;
#[cfg(not(steady_loom))]
mod till;
#[cfg(not(steady_loom))]
mod window;
