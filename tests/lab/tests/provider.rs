//! The simulated provider, as a client sees it.

use std::time::Duration;

use lab::client::{OpenLoop, Prompt, World, simulate};
use lab::contenders;
use lab::metrics::Tally;
use lab::provider::{Latency, Provider, RateLimit, Trouble, What, Whom};

/// Two minutes of calls without retries, ten a second.
fn calls(provider: Provider, prompts: Vec<Prompt>) -> Tally {
    let plain = contenders::named("no retries").expect("a contender of this name");
    simulate(async {
        let world = World::new(provider, Duration::from_secs(60), 1);
        let calls = OpenLoop {
            processes: 1,
            per_sec: 10.0,
            prompts,
            until: Duration::from_secs(120),
        };
        calls.run(&world, plain, Duration::from_secs(300)).await;
        world.recorder.tally()
    })
}

fn limit(requests: f64, tokens: f64) -> Provider {
    Provider {
        limit: Some(RateLimit {
            requests,
            tokens,
            burst_secs: 60.0,
            charged: false,
            short_hints: false,
        }),
        ..Provider::roomy()
    }
}

#[test]
fn limits_let_through_what_they_say() {
    // One minute's worth at once and one more over the two minutes, of about 1200 calls.
    for (requests, tokens) in [(60.0, 1e9), (1e9, 6_000.0)] {
        let tally = calls(limit(requests, tokens), vec![Prompt::short()]);
        let good = tally.calls.iter().filter(|call| call.good).count();
        assert!(
            (175..=181).contains(&good),
            "{good} with {requests} and {tokens}"
        );
    }
}

#[test]
fn each_key_has_its_own_limit() {
    let prompts = vec![Prompt::short(), Prompt::new("medium", "theirs", 100)];
    let tally = calls(limit(60.0, 1e9), prompts);
    let good = tally.calls.iter().filter(|call| call.good).count();
    assert!((350..=362).contains(&good), "{good}");
}

#[test]
fn trouble_hits_whom_it_names_while_it_lasts() {
    let large = Trouble::between(30, 60, What::Outage).only(Whom::Model("large"));
    let prompts = vec![Prompt::short(), Prompt::new("large", "ours", 100).group(1)];
    let tally = calls(Provider::roomy().trouble(large), prompts);
    for call in &tally.calls {
        let hit = call.group == 1 && (30..60).contains(&call.begun.as_secs());
        assert_eq!(call.good, !hit, "{call:?}");
    }
}

#[test]
fn a_brownout_slows_what_starts_in_it() {
    let provider = Provider {
        work: Latency {
            mean: Duration::from_secs(1),
            sigma: 0.0,
        },
        ..Provider::roomy()
    };
    let slow = Trouble::between(30, 60, What::Brownout(0.25));
    let tally = calls(provider.trouble(slow), vec![Prompt::short()]);
    for call in &tally.calls {
        let took = call.ended.expect("it ends") - call.begun;
        let expected = if (30..60).contains(&call.begun.as_secs()) {
            4
        } else {
            1
        };
        assert_eq!(took.as_secs(), expected, "{call:?}");
    }
}

#[test]
fn a_hang_ends_with_the_read_timeout() {
    let provider = Provider::roomy().trouble(Trouble::always(What::Hang));
    let tally = calls(provider, vec![Prompt::short()]);
    assert!(tally.seconds_to_know(0.0) >= 60.0 && tally.seconds_to_know(1.0) < 60.1);
    assert!(tally.good_share() == 0.0);
}

#[test]
fn a_cut_stream_is_no_answer_and_a_whole_one_is() {
    let streamed = vec![Prompt::short().streamed()];
    let whole = calls(Provider::roomy(), streamed.clone());
    assert!(whole.good_share() == 1.0);
    for what in [What::CutEarly(1.0), What::CutMidway(1.0)] {
        let cut = calls(
            Provider::roomy().trouble(Trouble::always(what)),
            streamed.clone(),
        );
        assert!(cut.good_share() == 0.0, "{what:?}");
    }
}

#[test]
fn a_share_of_errors_is_that_share() {
    let provider = Provider::roomy().trouble(Trouble::always(What::Errors(0.2)));
    let tally = calls(provider, vec![Prompt::short()]);
    assert!(
        (0.76..0.84).contains(&tally.good_share()),
        "{}",
        tally.good_share()
    );
}

#[test]
fn a_caller_hangs_up_when_its_patience_ends() {
    let plain = contenders::named("no retries").expect("a contender of this name");
    let tally = simulate(async {
        let provider = Provider::roomy().trouble(Trouble::always(What::Hang));
        let world = World::new(provider, Duration::from_secs(60), 1);
        let world = world.patience(Duration::from_secs(5));
        world.client(plain).call(&Prompt::short()).await;
        world.recorder.tally()
    });
    assert_eq!(tally.calls[0].ended.expect("it ends").as_secs(), 5);
    assert_eq!(tally.in_flight, 0);
}
