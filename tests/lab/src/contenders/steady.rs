use tower::Layer;
use tower_steady::Steady;

use super::{Stack, erase};
use crate::provider::HttpClient;

/// The preset as it is, its randomness seeded.
pub(super) fn interactive(http: HttpClient, seed: u64) -> Stack {
    erase(Steady::interactive_seeded(seed).layer(http))
}

/// The preset as it is, its randomness seeded.
pub(super) fn background(http: HttpClient, seed: u64) -> Stack {
    erase(Steady::background_seeded(seed).layer(http))
}
