//! Every interleaving of the core's threads, as far as loom can tell them apart.
//!
//! `RUSTFLAGS="--cfg steady_loom" cargo test -p tower-steady-circuit-breaker --release --lib`

mod generations;
mod probes;
mod window;

use loom::sync::Arc;
use loom::thread;

use crate::breaker::Breaker;
use crate::tick::Tick;

/// Runs `work` on a thread of its own.
fn spawn<T: 'static>(
    breaker: &Arc<Breaker>,
    work: impl FnOnce(&Breaker) -> T + 'static,
) -> thread::JoinHandle<T> {
    let breaker = Arc::clone(breaker);
    thread::spawn(move || work(&breaker))
}

/// How many probes the half-open circuit still lets through.
fn slots(breaker: &Breaker, now: Tick) -> usize {
    std::iter::from_fn(|| breaker.admit(now).0.ok())
        .take(10)
        .count()
}
