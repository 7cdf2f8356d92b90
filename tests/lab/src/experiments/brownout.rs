use std::time::Duration;

use super::{Experiment, Metric, Observation, Size, secs};
use crate::client::{OpenLoop, Prompt, World, simulate};
use crate::contenders::Contender;
use crate::provider::{Provider, Trouble, What};

const FROM: u64 = 20;
const TO: u64 = 50;

/// Shorter than a full queue takes to drain at full speed: what waits at its end is late already,
/// and its caller asks again. This is what makes an overload outlive its cause.
const TIMEOUT: Duration = secs(1);

const METRICS: [Metric; 3] = [
    Metric::seconds("time to recover after it").times_no_retries(2.0),
    Metric::lower("sends for each first try in the brownout"),
    Metric::share("calls in the brownout that end well"),
];

macro_rules! brownout {
    ($name:literal, $story:literal, $per_sec:literal) => {
        Experiment {
            name: $name,
            story: $story,
            metrics: &METRICS,
            run: |contender, seed, size| brownout(contender, seed, size, $per_sec),
        }
    };
}

pub(super) const AT_080: Experiment = brownout!(
    "brownout-0.80",
    "The provider works at 30 % of its speed for 30 s; ten processes call at 0.80 of its capacity, \
     with a read timeout of 1 s.",
    80.0
);
pub(super) const AT_088: Experiment =
    brownout!("brownout-0.88", "The same at 0.88 of its capacity.", 88.0);
pub(super) const AT_095: Experiment =
    brownout!("brownout-0.95", "The same at 0.95 of its capacity.", 95.0);

fn brownout(contender: &Contender, seed: u64, size: Size, per_sec: f64) -> Observation {
    let horizon = match size {
        Size::Small => secs(TO + 60),
        Size::Full => secs(TO + 120),
    };
    let tally = simulate(async {
        let brownout = Trouble::between(FROM, TO, What::Brownout(0.3));
        let provider = Provider::short_calls().trouble(brownout);
        let world = World::new(provider, TIMEOUT, seed);
        let calls = OpenLoop {
            processes: 10,
            per_sec,
            prompts: vec![Prompt::short()],
            until: horizon,
        };
        calls.run(&world, contender, horizon).await;
        world.recorder.tally()
    });
    Observation {
        values: vec![
            tally.recovery(secs(TO), horizon),
            tally.amplification(secs(FROM), secs(TO)),
            tally.begun(secs(FROM), secs(TO)).good_share(),
        ],
        per_100_ms: tally.per_100_ms(secs(FROM - 10), secs(TO + 40)),
        goodput: tally.goodput(secs(FROM - 10), secs(TO + 40)),
    }
}
