use super::{Experiment, Metric, Observation, READ_TIMEOUT};
use crate::client::{Prompt, World, simulate};
use crate::contenders::Contender;
use crate::provider::{Provider, Trouble, What};

const METRICS: [Metric; 3] = [
    Metric::lower("sends until the caller knows").at_most(1.0),
    Metric::seconds("time until the caller knows"),
    Metric::lower("input tokens until the caller knows"),
];

pub(super) const MALFORMED: Experiment = Experiment {
    name: "malformed",
    story: "An agent sends a prompt of 20,000 tokens whose JSON is cut off; the provider answers 400.",
    metrics: &METRICS,
    run: |contender, seed, _| {
        let prompt = Prompt::new("medium", "ours", 20_000).malformed();
        once(contender, seed, Provider::roomy(), &prompt)
    },
};

pub(super) const QUOTA: Experiment = Experiment {
    name: "quota",
    story: "The account is out of credit: 429 insufficient_quota, for a prompt of 20,000 tokens.",
    metrics: &METRICS,
    run: |contender, seed, _| {
        let provider = Provider::roomy().trouble(Trouble::always(What::QuotaUsedUp));
        let prompt = Prompt::new("medium", "ours", 20_000);
        once(contender, seed, provider, &prompt)
    },
};

fn once(contender: &Contender, seed: u64, provider: Provider, prompt: &Prompt) -> Observation {
    let tally = simulate(async {
        let world = World::new(provider, READ_TIMEOUT, seed);
        world.client(contender).call(prompt).await;
        world.recorder.tally()
    });
    Observation::of([
        tally.sends_per_call(),
        tally.seconds_to_know(1.0),
        tally.wasted_tokens(),
    ])
}
