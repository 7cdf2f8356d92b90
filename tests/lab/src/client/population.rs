use std::future::Future;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Exp};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower_steady_core::Seeds;

use super::{Client, Prompt};
use crate::contenders::Contender;
use crate::metrics::Recorder;
use crate::provider::{HttpClient, Provider};

/// One simulation: a provider, a clock that stands at zero, and whoever calls.
#[derive(Debug)]
pub struct World {
    /// What was counted.
    pub recorder: Recorder,
    http: HttpClient,
    seeds: Seeds,
    stacks: Seeds,
    patience: Duration,
    began: Instant,
}

impl World {
    /// A provider with these settings. `read_timeout` is that of the HTTP client, the same for every
    /// contender.
    #[must_use]
    pub fn new(settings: Provider, read_timeout: Duration, seed: u64) -> Self {
        let seeds = Seeds::fixed(seed);
        let recorder = Recorder::new();
        let http = HttpClient::new(settings, read_timeout, recorder.clone(), seeds.draw());
        Self {
            recorder,
            http,
            stacks: Seeds::fixed(seeds.draw()),
            seeds,
            patience: Duration::from_secs(3600),
            began: Instant::now(),
        }
    }

    /// How long a caller waits for the whole call before hanging up. One hour if not set.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A new process with a stack of its own.
    #[must_use]
    pub fn client(&self, contender: &Contender) -> Client {
        let stack = contender.stack(self.http.clone(), self.stacks.draw());
        Client::new(stack, self.recorder.clone(), self.patience)
    }

    /// A generator of its own for a member of the population, the same for every contender.
    #[must_use]
    pub fn rng(&self) -> StdRng {
        StdRng::seed_from_u64(self.seeds.draw())
    }

    /// Waits until this much time has passed since the start.
    pub async fn until(&self, at: Duration) {
        tokio::time::sleep_until(self.began + at).await;
    }
}

/// Callers that come whether or not those before them were served.
#[derive(Clone, Debug)]
pub struct OpenLoop {
    /// The processes, each of which makes its share of the calls.
    pub processes: usize,
    /// Calls a second by all of them, in a Poisson process.
    pub per_sec: f64,
    /// What they ask for, in turn.
    pub prompts: Vec<Prompt>,
    /// No call begins after this.
    pub until: Duration,
}

impl OpenLoop {
    /// Makes the calls and waits for all of them to end, at the latest at `horizon`, where those
    /// that are still open are dropped.
    pub async fn run(&self, world: &World, contender: &Contender, horizon: Duration) {
        let mut processes = JoinSet::new();
        for _ in 0..self.processes {
            let client = world.client(contender);
            #[expect(clippy::cast_precision_loss, reason = "a few processes")]
            let share = self.per_sec / self.processes as f64;
            let (prompts, until) = (self.prompts.clone(), self.until);
            processes.spawn(arrive(client, share, world.rng(), prompts, until));
        }
        let all = async { while processes.join_next().await.is_some() {} };
        // Dropping the set drops what is still open.
        let _ = tokio::time::timeout_at(world.began + horizon, all).await;
    }
}

async fn arrive(
    client: Client,
    per_sec: f64,
    mut rng: StdRng,
    prompts: Vec<Prompt>,
    until: Duration,
) {
    let gaps = Exp::new(per_sec).expect("a positive rate");
    let began = Instant::now();
    let mut calls = JoinSet::new();
    let mut at = Duration::ZERO;
    for prompt in prompts.iter().cycle() {
        at += Duration::from_secs_f64(gaps.sample(&mut rng));
        if at >= until {
            break;
        }
        tokio::time::sleep_until(began + at).await;
        let (client, prompt) = (client.clone(), prompt.clone());
        calls.spawn(async move { client.call(&prompt).await });
        // Keeps the set small: what has ended is taken out.
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
}

/// Runs a simulation to its end on a clock that moves only when everybody waits.
///
/// # Panics
///
/// If the runtime cannot be built.
pub fn simulate<T>(simulation: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O")
        .block_on(simulation)
}
