use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Experiment, Metric, Observation, READ_TIMEOUT, Size, secs};
use crate::client::{Client, Prompt, World, simulate};
use crate::contenders::Contender;
use crate::metrics::ratio;
use crate::provider::{Latency, Provider, RateLimit, Trouble, What};

const WORKERS: usize = 50;
const PER_SEC: f64 = 10.0;

const STORM: [Metric; 3] = [
    Metric::lower("time over the ideal time").at_most(1.15),
    Metric::lower("sends for each success").at_most(1.15),
    PEAK,
];

/// A hint that is too short has to be refused once more before the pace is learned, so that it may take
/// half as long again; the sends may not grow by that.
const MISLED: [Metric; 3] = [
    Metric::lower("time over the ideal time").at_most(1.5),
    Metric::lower("sends for each success").at_most(1.15),
    PEAK,
];

/// What a refused call costs under the limit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refused {
    Free,
    Charged,
    ChargedLate,
}

const PEAK: Metric =
    Metric::lower("busiest tenth of a second over the mean, from the fifth second");

pub(super) const FREE: Experiment = Experiment {
    name: "storm-free",
    story: "50 workers of one process share a batch of 2000 jobs under a limit of 10 requests a second; refused \
            calls are free. A job that fails goes back to the batch and its worker rests for a second.",
    metrics: &STORM,
    run: |contender, seed, size| storm(contender, seed, size, Refused::Free, 1),
};

pub(super) const CHARGED: Experiment = Experiment {
    name: "storm-charged",
    story: "The same, but refused calls count against the limit too.",
    metrics: &STORM,
    run: |contender, seed, size| storm(contender, seed, size, Refused::Charged, 1),
};

pub(super) const SHORT_HINTS: Experiment = Experiment {
    name: "storm-short-hints",
    story: "The same, and each Retry-After is that of the moment before its own refusal was charged, so \
            that who obeys to the millisecond is refused again.",
    metrics: &MISLED,
    run: |contender, seed, size| storm(contender, seed, size, Refused::ChargedLate, 1),
};

pub(super) const FLEET: Experiment = Experiment {
    name: "storm-fleet",
    story: "Refused calls are free, and the workers are spread over four processes that know nothing \
            of each other.",
    metrics: &STORM,
    run: |contender, seed, size| storm(contender, seed, size, Refused::Free, 4),
};

fn storm(
    contender: &Contender,
    seed: u64,
    size: Size,
    refused: Refused,
    processes: usize,
) -> Observation {
    let jobs = match size {
        Size::Small => 1000,
        Size::Full => 2000,
    };
    let limit = RateLimit {
        requests: PER_SEC * 60.0,
        tokens: 1e9,
        burst_secs: 1.0,
        charged: refused != Refused::Free,
        short_hints: refused == Refused::ChargedLate,
    };
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let ideal = (jobs as f64 - PER_SEC) / PER_SEC;
    // Five times the ideal is as good as never.
    let horizon = Duration::from_secs_f64(5.0 * ideal);
    let (tally, done) = simulate(async {
        let provider = Provider {
            limit: Some(limit),
            work: Latency::new(Duration::from_millis(300)),
            ..Provider::roomy()
        };
        let world = World::new(provider, READ_TIMEOUT, seed);
        let left = Arc::new(AtomicUsize::new(jobs));
        let mut workers = JoinSet::new();
        for _ in 0..processes {
            let client = world.client(contender);
            for _ in 0..WORKERS / processes {
                workers.spawn(work(client.clone(), Arc::clone(&left)));
            }
        }
        let all = async { while workers.join_next().await.is_some() {} };
        let done = tokio::time::timeout(horizon, all).await.is_ok();
        (world.recorder.tally(), done)
    });
    let took = match tally.calls.iter().filter_map(|call| call.ended).max() {
        Some(ended) if done => ended.as_secs_f64(),
        _ => f64::INFINITY,
    };
    let end = horizon.min(tally.sends.last().map_or(horizon, |(at, _)| *at));
    let tenths = tally.per_100_ms(Duration::ZERO, end);
    // The batch begins with one send of every worker, whoever makes it.
    let later = tenths.get(50..).unwrap_or_default();
    let peak = f64::from(later.iter().copied().max().unwrap_or(0));
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let mean = f64::from(later.iter().sum::<u32>()) / later.len() as f64;
    Observation {
        values: vec![took / ideal, tally.sends_per_success(), peak / mean],
        goodput: Vec::new(),
        per_100_ms: tenths.into_iter().take(600).collect(),
    }
}

/// Takes jobs from the batch until none is left.
async fn work(client: Client, left: Arc<AtomicUsize>) {
    let take = || {
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
    };
    while take().is_ok() {
        if !client.call(&Prompt::short()).await {
            left.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(secs(1)).await;
        }
    }
}

const AGENTS: usize = 200;
/// When the provider takes calls again, as it tells everybody.
const BACK: u64 = 10;

const HERD: [Metric; 3] = [
    Metric::lower("most sends in a tenth of a second, once let in").at_most(AGENTS as f64 / 5.0),
    Metric::share("agents that are served").at_least(1.0),
    Metric::lower("sends before the time the server named"),
];

pub(super) const HERD_ONE_PROCESS: Experiment = Experiment {
    name: "herd-one-process",
    story: "200 agents of one process are refused at one instant and told to come back in 10 s.",
    metrics: &HERD,
    run: |contender, seed, _| herd(contender, seed, 1),
};

pub(super) const HERD_MANY_PROCESSES: Experiment = Experiment {
    name: "herd-200-processes",
    story: "The same with every agent in a process of its own, so that nothing is shared.",
    metrics: &HERD,
    run: |contender, seed, _| herd(contender, seed, AGENTS),
};

fn herd(contender: &Contender, seed: u64, processes: usize) -> Observation {
    let tally = simulate(async {
        let refusing = Trouble::between(0, BACK, What::RateLimited);
        let world = World::new(Provider::roomy().trouble(refusing), READ_TIMEOUT, seed);
        let mut agents = JoinSet::new();
        for _ in 0..processes {
            let client = world.client(contender);
            for _ in 0..AGENTS / processes {
                agents.spawn(client.call(&Prompt::short()));
            }
        }
        while agents.join_next().await.is_some() {}
        world.recorder.tally()
    });
    let first = Duration::from_millis(1);
    let early = tally
        .sends
        .iter()
        .filter(|(at, _)| first < *at && *at < secs(BACK))
        .count();
    let tenths = tally.per_100_ms(secs(BACK), secs(BACK + 120));
    let peak = tenths.iter().copied().max().unwrap_or(0);
    Observation {
        values: vec![f64::from(peak), tally.good_share(), ratio(early, 1)],
        goodput: Vec::new(),
        per_100_ms: tally.per_100_ms(Duration::ZERO, secs(BACK + 20)),
    }
}
