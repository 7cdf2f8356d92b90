use tower::Layer;
use tower_steady::Steady;
use tower_steady::backoff_jitter::{RetryBuilder, RetryLayer};
use tower_steady::circuit_breaker::CircuitBreakerBuilder;
use tower_steady_core::key::ByHost;

use super::{Stack, erase};
use crate::provider::HttpClient;

pub(super) fn interactive(http: HttpClient, seed: u64) -> Stack {
    over(
        http,
        Steady::interactive(),
        RetryBuilder::interactive(),
        seed,
    )
}

pub(super) fn background(http: HttpClient, seed: u64) -> Stack {
    over(http, Steady::background(), RetryBuilder::background(), seed)
}

/// The preset as it is, but for the sources of randomness, which are seeded.
fn over(http: HttpClient, preset: Steady, retry: RetryBuilder, seed: u64) -> Stack {
    let retry: RetryLayer = retry.seed(seed).build().expect("its own preset");
    let breaker = CircuitBreakerBuilder::five_in_a_row()
        .key(ByHost)
        .seed(seed)
        .build();
    let stack = preset
        .with_retry(retry)
        .with_breaker(breaker.expect("its own preset"));
    erase(stack.layer(http))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::{OpenLoop, Prompt, World, simulate};
    use crate::contenders::Contender;
    use crate::provider::{Provider, Trouble, What};

    type Build = fn(HttpClient, u64) -> Stack;

    fn sends(build: Build) -> usize {
        let contender = Contender {
            name: "under test",
            settings: "",
            ours: true,
            build,
        };
        simulate(async {
            let outage = Trouble::always(What::Outage);
            let timeout = Duration::from_secs(60);
            let world = World::new(Provider::roomy().trouble(outage), timeout, 1);
            let calls = OpenLoop {
                processes: 1,
                per_sec: 10.0,
                prompts: vec![Prompt::short()],
                until: Duration::from_secs(110),
            };
            calls
                .run(&world, &contender, Duration::from_secs(200))
                .await;
            world.recorder.tally().sends.len()
        })
    }

    /// To be seeded, the circuit is made anew; if the presets get another one, this shows it.
    #[test]
    fn the_seeded_circuit_is_that_of_the_presets() {
        let cases: [[Build; 2]; 2] = [
            [interactive, |http, _| {
                erase(Steady::interactive().layer(http))
            }],
            [background, |http, _| {
                erase(Steady::background().layer(http))
            }],
        ];
        for [seeded, preset] in cases {
            assert_eq!(sends(seeded), sends(preset));
        }
    }
}
