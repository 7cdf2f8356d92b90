use super::{Experiment, Metric, Observation, READ_TIMEOUT, secs};
use crate::client::{OpenLoop, Prompt, World, simulate};
use crate::provider::{Provider, Trouble, What};

const FROM: u64 = 20;
const TO: u64 = 320;

pub(super) const HANG: Experiment = Experiment {
    name: "hang",
    story: "The provider accepts every call and answers none for five minutes; two processes make 40 \
            calls a second, over an HTTP client with a read timeout of a minute.",
    metrics: &[
        // The presets' timers run out before this, and then the circuit answers at once.
        Metric::seconds("median time until the caller knows").at_most(15.0),
        // As in the outage.
        Metric::lower("sends for each call in that time").at_most(1.15),
        // What hangs is not to be piled on.
        Metric::lower("most connections held open").times_no_retries(1.0),
        Metric::seconds("time to recover after it"),
    ],
    run: |contender, seed, _| {
        let until = secs(TO + 120);
        let tally = simulate(async {
            let hang = Trouble::between(FROM, TO, What::Hang);
            let world = World::new(Provider::roomy().trouble(hang), READ_TIMEOUT, seed);
            let calls = OpenLoop {
                processes: 2,
                per_sec: 40.0,
                prompts: vec![Prompt::short()],
                until,
            };
            calls.run(&world, contender, until + secs(600)).await;
            world.recorder.tally()
        });
        let during = tally.begun(secs(FROM), secs(TO));
        Observation::of([
            during.seconds_to_know(0.5),
            during.sends_per_call(),
            f64::from(tally.most_in_flight),
            tally.recovery(secs(TO), until),
        ])
    },
};
