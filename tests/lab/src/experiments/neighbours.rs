use super::{Experiment, Metric, Observation, READ_TIMEOUT, secs};
use crate::client::{OpenLoop, Prompt, World, simulate};
use crate::contenders::Contender;
use crate::metrics::Tally;
use crate::provider::{Provider, Trouble, What, Whom};

const FROM: u64 = 20;
const TO: u64 = 80;
const HORIZON: u64 = 200;

const GUILTY: u8 = 1;

/// Not noticing includes waiting no longer. A percentile of so few calls differs by a tenth by chance.
const UNNOTICED: f64 = 1.2;

pub(super) const TENANTS: Experiment = Experiment {
    name: "tenants",
    story: "One process serves two tenants with an API key each, 10 calls a second both; the key of \
            one is refused with 429 for a minute. What does the other one notice?",
    metrics: &[
        Metric::lower("calls that the other tenant loses").at_most(0.0),
        Metric::seconds("the other tenant's slowest call in a hundred").times_no_retries(UNNOTICED),
        // As in an outage.
        Metric::lower("sends for each call of the refused tenant").at_most(1.15),
    ],
    run: |contender, seed, _| {
        let refused = Trouble::between(FROM, TO, What::RateLimited).only(Whom::Key("theirs"));
        let prompts = vec![
            Prompt::short(),
            Prompt::new("medium", "theirs", 100).group(GUILTY),
        ];
        neighbours(contender, seed, refused, prompts, 20.0)
    },
};

pub(super) const PARTIAL_OUTAGE: Experiment = Experiment {
    name: "partial-outage",
    story: "One process calls five models of one provider, 40 calls a second in all; one model answers \
            503 for a minute. What do the calls to the other four notice?",
    metrics: &[
        Metric::lower("calls to the other models that are lost").at_most(0.0),
        Metric::seconds("slowest of a hundred calls to the other models")
            .times_no_retries(UNNOTICED),
        Metric::lower("sends for each call to the broken model"),
    ],
    run: |contender, seed, _| {
        let broken = Trouble::between(FROM, TO, What::Outage).only(Whom::Model("large"));
        let sound = ["tiny", "small", "medium", "huge"];
        let mut prompts = vec![Prompt::new("large", "ours", 100).group(GUILTY)];
        prompts.extend(sound.map(|model| Prompt::new(model, "ours", 100)));
        neighbours(contender, seed, broken, prompts, 40.0)
    },
};

fn neighbours(
    contender: &Contender,
    seed: u64,
    trouble: Trouble,
    prompts: Vec<Prompt>,
    per_sec: f64,
) -> Observation {
    let tally = simulate(async {
        let world = World::new(Provider::roomy().trouble(trouble), READ_TIMEOUT, seed);
        let calls = OpenLoop {
            processes: 1,
            per_sec,
            prompts,
            until: secs(TO + 20),
        };
        calls.run(&world, contender, secs(HORIZON)).await;
        world.recorder.tally()
    });
    let innocent = tally.only(|call| call.group != GUILTY);
    let guilty = tally
        .begun(secs(FROM), secs(TO))
        .only(|call| call.group == GUILTY);
    Observation::of([
        lost(&innocent),
        innocent.seconds_to_know(0.99),
        guilty.sends_per_call(),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "a small count")]
fn lost(tally: &Tally) -> f64 {
    tally.calls.iter().filter(|call| !call.good).count() as f64
}
