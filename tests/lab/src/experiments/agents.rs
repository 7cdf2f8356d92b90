use tokio::task::JoinSet;

use super::{Experiment, Metric, Observation, READ_TIMEOUT, Size, secs};
use crate::client::{Client, OpenLoop, Prompt, World, simulate};
use crate::contenders::Contender;
use crate::metrics::{Tally, ratio};
use crate::provider::{Provider, Trouble, What};

const AGENTS: usize = 50;
const STEPS: usize = 10;

pub(super) const PIPELINE: Experiment = Experiment {
    name: "pipeline",
    story: "50 agents of one process run pipelines of ten calls, one after the other; 1 % of the calls \
            fail (500, 503, 529, reset). A pipeline ends with the first call that fails for good.",
    metrics: &[
        Metric::share("pipelines that finish").at_least(0.9999),
        Metric::lower("sends for each call"),
        Metric::seconds("slowest call in a hundred"),
    ],
    run: |contender, seed, size| {
        let pipelines = match size {
            Size::Small => 10,
            Size::Full => 80,
        };
        pipeline(contender, seed, pipelines)
    },
};

fn pipeline(contender: &Contender, seed: u64, for_each: usize) -> Observation {
    let (tally, finished) = simulate(async {
        let failing = Trouble::always(What::Errors(0.01));
        let world = World::new(Provider::roomy().trouble(failing), READ_TIMEOUT, seed);
        let client = world.client(contender);
        let mut agents = JoinSet::new();
        for _ in 0..AGENTS {
            agents.spawn(run_pipelines(client.clone(), for_each));
        }
        let mut finished = 0;
        while let Some(pipelines) = agents.join_next().await {
            finished += pipelines.unwrap_or(0);
        }
        (world.recorder.tally(), finished)
    });
    Observation::of([
        ratio(finished, AGENTS * for_each),
        tally.sends_per_call(),
        tally.seconds_to_know(0.99),
    ])
}

async fn run_pipelines(client: Client, count: usize) -> usize {
    let mut finished = 0;
    for _ in 0..count {
        let mut steps = 0;
        while steps < STEPS && client.call(&Prompt::short()).await {
            steps += 1;
        }
        finished += usize::from(steps == STEPS);
    }
    finished
}

pub(super) const AVAILABILITY: Experiment = Experiment {
    name: "availability",
    story: "Two processes make 20 calls a second to a provider that is there 99.5 % of the time.",
    metrics: &[
        Metric::share("calls that end well").at_least(0.9995),
        Metric::lower("sends for each call"),
    ],
    run: |contender, seed, size| {
        let tally = open(contender, seed, size, What::Errors(0.005));
        Observation::of([tally.good_share(), tally.sends_per_call()])
    },
};

pub(super) const CHANCE: Experiment = Experiment {
    name: "stray-429s",
    story: "Two processes make 20 calls a second; one call in a hundred is refused by chance with 429 and \
            a Retry-After of a second, though there is no limit.",
    metrics: &[
        Metric::share("calls that end well").at_least(0.9995),
        Metric::lower("sends for each call"),
        Metric::seconds("slowest call in a hundred"),
    ],
    run: |contender, seed, size| {
        let tally = open(contender, seed, size, What::RateLimitedByChance(0.01));
        Observation::of([
            tally.good_share(),
            tally.sends_per_call(),
            tally.seconds_to_know(0.99),
        ])
    },
};

/// 20 calls a second by two processes.
fn open(contender: &Contender, seed: u64, size: Size, what: What) -> Tally {
    let until = match size {
        Size::Small => secs(100),
        Size::Full => secs(1000),
    };
    simulate(async {
        let provider = Provider::roomy().trouble(Trouble::always(what));
        let world = World::new(provider, READ_TIMEOUT, seed);
        let calls = OpenLoop {
            processes: 2,
            per_sec: 20.0,
            prompts: vec![Prompt::short()],
            until,
        };
        calls.run(&world, contender, until + secs(600)).await;
        world.recorder.tally()
    })
}
