use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tower_steady_core::Seeds;

use super::{Stack, looped};
use crate::provider::HttpClient;

/// `@retry(stop=stop_after_attempt(4), wait=wait_exponential_jitter(initial=1, max=30, jitter=2))`.
/// The wait is `max(0, min(initial * 2 ** (n - 1) + uniform(0, jitter), max))`: see tenacity's
/// `wait.py`.
pub(super) fn stack(http: HttpClient, seed: u64) -> Stack {
    let seeds = Arc::new(Seeds::fixed(seed));
    looped::stack(http, move || {
        let mut rng = StdRng::seed_from_u64(seeds.draw());
        move |failed: u32, _: &looped::Attempt| {
            let exponential = 2_f64.powi(failed.cast_signed() - 1);
            let wait = (exponential + rng.random_range(0.0..2.0)).min(30.0);
            (failed < 4).then(|| Duration::from_secs_f64(wait))
        }
    })
}
