use super::{Experiment, Metric, Observation, READ_TIMEOUT, secs};
use crate::client::{OpenLoop, Prompt, World, simulate};
use crate::contenders::Contender;
use crate::provider::{Provider, Trouble, What};

const BEGIN: u64 = 30;
const AFTER: u64 = 60;

const fn metrics(bound: f64) -> [Metric; 4] {
    [
        Metric::lower("sends for each first try in the outage").at_most(bound),
        Metric::lower("wasted input tokens for each call in the outage"),
        Metric::seconds("time to recover after it"),
        Metric::seconds("median time until the caller knows"),
    ]
}

pub(super) const THIRTY_SECONDS: Experiment = Experiment {
    name: "outage-30s",
    story: "The provider refuses everything with 503 for 30 s; ten processes make 80 calls a second.",
    metrics: &metrics(1.15),
    run: |contender, seed, _| outage(contender, seed, 30),
};

pub(super) const FIVE_MINUTES: Experiment = Experiment {
    name: "outage-300s",
    story: "The same for 300 s.",
    metrics: &metrics(1.10),
    run: |contender, seed, _| outage(contender, seed, 300),
};

fn outage(contender: &Contender, seed: u64, length: u64) -> Observation {
    let (from, to) = (secs(BEGIN), secs(BEGIN + length));
    let horizon = to + secs(AFTER);
    let outage = Trouble::between(BEGIN, BEGIN + length, What::Outage);
    let tally = simulate(async {
        let provider = Provider::short_calls().trouble(outage);
        let world = World::new(provider, READ_TIMEOUT, seed);
        let calls = OpenLoop {
            processes: 10,
            per_sec: 80.0,
            prompts: vec![Prompt::short()],
            until: horizon,
        };
        calls.run(&world, contender, horizon).await;
        world.recorder.tally()
    });
    let during = tally.begun(from, to);
    Observation {
        values: vec![
            tally.amplification(from, to),
            during.wasted_tokens(),
            tally.recovery(to, horizon),
            during.seconds_to_know(0.5),
        ],
        goodput: Vec::new(),
        per_100_ms: tally.per_100_ms(from - secs(10), to.min(from + secs(30)) + secs(20)),
    }
}
