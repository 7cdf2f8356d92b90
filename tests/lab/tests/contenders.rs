//! The peers do what their documentation says: their sends, by the clock.

use std::time::Duration;

use lab::client::{OpenLoop, Prompt, World, simulate};
use lab::contenders;
use lab::metrics::Tally;
use lab::provider::{Provider, Trouble, What};

/// The times of the sends of one call by this contender, in seconds.
fn sends(contender: &str, seed: u64, trouble: Trouble) -> Vec<f64> {
    let contender = contenders::named(contender).expect("a contender of this name");
    let tally = simulate(async {
        let provider = Provider {
            round_trip: Duration::ZERO,
            ..Provider::roomy()
        };
        let world = World::new(provider.trouble(trouble), Duration::from_secs(60), seed);
        world.client(contender).call(&Prompt::short()).await;
        world.recorder.tally()
    });
    tally.sends.iter().map(|(at, _)| at.as_secs_f64()).collect()
}

fn gaps(sends: &[f64]) -> Vec<f64> {
    sends.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// The least and most seconds between sends while the provider refuses with 503.
#[test]
fn waits_are_those_of_the_documentation() {
    let cases: [(&str, &[(f64, f64)]); 5] = [
        ("no retries", &[]),
        (
            "naive loop",
            &[(1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0)],
        ),
        ("tenacity", &[(1.0, 3.0), (2.0, 4.0), (4.0, 6.0)]),
        ("vendor SDKs", &[(0.375, 0.5), (0.75, 1.0)]),
        ("tower-resilience", &[(0.1, 0.1), (0.2, 0.2)]),
    ];
    for (contender, expected) in cases {
        for seed in 1..=20 {
            let gaps = gaps(&sends(contender, seed, Trouble::always(What::Outage)));
            assert_eq!(gaps.len(), expected.len(), "{contender}");
            for (gap, (least, most)) in gaps.iter().zip(expected) {
                // Timers tick in milliseconds, and round up.
                assert!(
                    (least - 1e-3..=most + 2e-3).contains(gap),
                    "{contender}: {gaps:?}"
                );
            }
        }
    }
}

/// 50 ms doubling, and up to as much again: see tower's `ExponentialBackoffMaker`.
#[test]
fn towers_backoff_is_its_default() {
    let gaps = gaps(&sends("tower::retry", 1, Trouble::always(What::Outage)));
    assert_eq!(gaps.len(), 3);
    for (gap, base) in gaps.iter().zip([0.05, 0.1, 0.2]) {
        assert!((base..2.0 * base + 2e-3).contains(gap), "{gaps:?}");
    }
}

#[test]
fn sdks_obey_a_hint_up_to_a_minute_and_no_longer() {
    let refused = |secs| Trouble::between(0, secs, What::RateLimited);
    assert_eq!(sends("vendor SDKs", 1, refused(60)), [0.0, 60.0]);
    let early = sends("vendor SDKs", 1, refused(61));
    assert_eq!(early.len(), 3);
    assert!(early[2] < 2.0, "{early:?}");
}

fn outage(contender: &str, until: u64) -> Tally {
    let contender = contenders::named(contender).expect("a contender of this name");
    simulate(async {
        let trouble = Trouble::between(0, 40, What::Outage);
        let world = World::new(
            Provider::roomy().trouble(trouble),
            Duration::from_secs(60),
            1,
        );
        let calls = OpenLoop {
            processes: 1,
            per_sec: 50.0,
            prompts: vec![Prompt::short()],
            until: Duration::from_secs(until),
        };
        calls
            .run(&world, contender, Duration::from_secs(until + 60))
            .await;
        world.recorder.tally()
    })
}

/// Its 30 s of open time pass on the virtual clock: nothing is sent in them, then three probes.
#[test]
fn the_peer_breaker_opens_for_thirty_virtual_seconds() {
    let tally = outage("tower-resilience", 80);
    let at: Vec<_> = tally.sends.iter().map(|(at, _)| at.as_secs_f64()).collect();
    let gap = gaps(&at).into_iter().fold(0.0, f64::max);
    assert!((30.0..31.0).contains(&gap), "{gap}");
    let opened = at.iter().position(|at| *at > 20.0).expect("it comes back");
    // 100 failures fill its window; what was in flight or retried then comes on top.
    assert!((100..160).contains(&opened), "{opened}");
    assert!(tally.calls.last().expect("calls").good, "it closes again");
}
