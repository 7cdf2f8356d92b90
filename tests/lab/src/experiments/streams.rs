use super::{Experiment, Metric, Observation, READ_TIMEOUT, Size, secs};
use crate::client::{OpenLoop, Prompt, World, simulate};
use crate::contenders::Contender;
use crate::provider::{Provider, Trouble, What};

/// Two tries both break for one stream in a hundred. As many again for streaks in which the budget runs
/// out: it earns a tenth of a retry for each success, which is just what one break in ten takes.
const EARLY: [Metric; 3] = [
    Metric::share("streams that arrive whole").at_least(0.98),
    Metric::lower("sends for each call"),
    Metric::lower("wasted input tokens for each call"),
];

const MIDWAY: [Metric; 3] = [
    Metric::share("streams that arrive whole"),
    Metric::lower("sends for each call").at_most(1.0),
    Metric::lower("wasted input tokens for each call"),
];

pub(super) const CUT_EARLY: Experiment = Experiment {
    name: "streams-cut-early",
    story: "One stream in ten breaks after the head of the 200 and before any output.",
    metrics: &EARLY,
    run: |contender, seed, size| {
        streams(contender, seed, size, Trouble::always(What::CutEarly(0.1)))
    },
};

pub(super) const CUT_MIDWAY: Experiment = Experiment {
    name: "streams-cut-midway",
    story: "One stream in ten breaks half-way: the caller has seen output, so nobody may repeat it.",
    metrics: &MIDWAY,
    run: |contender, seed, size| {
        streams(contender, seed, size, Trouble::always(What::CutMidway(0.1)))
    },
};

pub(super) const ALL_CUT: Experiment = Experiment {
    name: "streams-all-cut",
    story: "For a minute, every stream breaks half-way. Every send is paid for and none is worth it.",
    metrics: &[
        // A quarter of what is paid for without a breaker.
        Metric::lower("wasted input tokens for each call in that minute").at_most(25.0),
        Metric::lower("sends for each call in that minute"),
        Metric::seconds("time to recover after it"),
    ],
    run: |contender, seed, _| {
        let (from, to) = (secs(60), secs(120));
        let cut = Trouble::between(60, 120, What::CutMidway(1.0));
        let until = to + secs(120);
        let tally = simulate(async {
            let world = World::new(Provider::roomy().trouble(cut), READ_TIMEOUT, seed);
            let calls = OpenLoop {
                processes: 2,
                per_sec: 40.0,
                prompts: vec![Prompt::short().streamed()],
                until,
            };
            calls.run(&world, contender, until + secs(60)).await;
            world.recorder.tally()
        });
        let during = tally.begun(from, to);
        Observation::of([
            during.wasted_tokens(),
            during.sends_per_call(),
            tally.recovery(to, until),
        ])
    },
};

fn streams(contender: &Contender, seed: u64, size: Size, trouble: Trouble) -> Observation {
    let until = match size {
        Size::Small => secs(60),
        Size::Full => secs(100),
    };
    let tally = simulate(async {
        let world = World::new(Provider::roomy().trouble(trouble), READ_TIMEOUT, seed);
        let calls = OpenLoop {
            processes: 2,
            per_sec: 40.0,
            prompts: vec![Prompt::short().streamed()],
            until,
        };
        calls.run(&world, contender, until + secs(300)).await;
        world.recorder.tally()
    });
    Observation::of([
        tally.good_share(),
        tally.sends_per_call(),
        tally.wasted_tokens(),
    ])
}
