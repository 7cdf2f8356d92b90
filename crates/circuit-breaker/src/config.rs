use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tower_steady_core::key::{Everything, RequestKey};
use tower_steady_core::metrics::Name;
use tower_steady_core::{Class, ConfigError, Seeds};

use crate::check::{at_least_one, positive};
use crate::layer::CircuitBreakerLayer;
use crate::rules::OpenTime;
use crate::settings::{JudgeStreams, Listener, Settings, SlowBy, default_verdict};
use crate::state::{Transition, Verdict};
use crate::tick::nanos;

mod rules;

/// Builds a [`CircuitBreakerLayer`]. Everything has a default; `build` refuses what cannot work.
///
/// The rules that open the circuit are OR-ed. As it starts, there is one, five failures in a row; each
/// setter adds its own, and [`no_consecutive_failures`](Self::no_consecutive_failures) takes that one
/// away.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct CircuitBreakerBuilder<K = Everything> {
    name: Name,
    key: K,
    keyed: bool,
    max_keys: usize,
    idle_after: Duration,
    consecutive_failures: Option<u32>,
    failure_count: Option<u32>,
    failure_rate: Option<f64>,
    slow_calls: Option<(Duration, f64)>,
    slow_by: SlowBy,
    slow_cancels: bool,
    minimum_calls: u32,
    window: Duration,
    open: OpenTime,
    max_open: Option<Duration>,
    healthy_after: Option<Duration>,
    probes: u32,
    success_threshold: Option<u32>,
    probe_lease: Duration,
    judge_streams: JudgeStreams,
    verdicts: [Verdict; Class::ALL.len()],
    respond: bool,
    listeners: Vec<Listener>,
    seed: Option<u64>,
}

const DEFAULT_MAX_OPEN: Duration = Duration::from_secs(600);

impl CircuitBreakerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            name: Name::default(),
            key: Everything,
            keyed: false,
            max_keys: 1024,
            idle_after: Duration::from_secs(600),
            consecutive_failures: Some(5),
            failure_count: None,
            failure_rate: None,
            slow_calls: None,
            slow_by: SlowBy::default(),
            slow_cancels: false,
            minimum_calls: 20,
            window: Duration::from_secs(10),
            open: OpenTime {
                base: Duration::from_secs(60),
                growth: 2.0,
                max: DEFAULT_MAX_OPEN,
                jitter: 0.1,
                healthy_after: Duration::ZERO,
                max_server_wait: Duration::from_secs(3600),
            },
            max_open: None,
            healthy_after: None,
            probes: 1,
            success_threshold: None,
            probe_lease: Duration::from_secs(300),
            judge_streams: JudgeStreams::default(),
            verdicts: Class::ALL.map(default_verdict),
            respond: false,
            listeners: Vec::new(),
            seed: None,
        }
    }
}

impl<K: RequestKey> CircuitBreakerBuilder<K> {
    /// What metrics call this layer, in their label `name`. Default `default`; layers with the same
    /// name are counted together.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Name::new(name);
        self
    }

    /// A circuit for each key, instead of one for all calls: a host, a model, a tenant. `key` is one
    /// of [`tower_steady_core::key`] or a function of the request's head.
    pub fn key<K2: RequestKey>(self, key: K2) -> CircuitBreakerBuilder<K2> {
        CircuitBreakerBuilder {
            name: self.name,
            key,
            keyed: true,
            max_keys: self.max_keys,
            idle_after: self.idle_after,
            consecutive_failures: self.consecutive_failures,
            failure_count: self.failure_count,
            failure_rate: self.failure_rate,
            slow_calls: self.slow_calls,
            slow_by: self.slow_by,
            slow_cancels: self.slow_cancels,
            minimum_calls: self.minimum_calls,
            window: self.window,
            open: self.open,
            max_open: self.max_open,
            healthy_after: self.healthy_after,
            probes: self.probes,
            success_threshold: self.success_threshold,
            probe_lease: self.probe_lease,
            judge_streams: self.judge_streams,
            verdicts: self.verdicts,
            respond: self.respond,
            listeners: self.listeners,
            seed: self.seed,
        }
    }

    /// How many keys have a circuit at most (1024), of some 3 KiB each. When there are more, those that
    /// are closed and longest unused go first, before those that somebody has a handle on; a circuit
    /// that was forced by hand never goes.
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// After how long without a call the circuit of a key is dropped (10 min). Looked at when a new
    /// key comes. One that is still open for some time stays, and one that somebody has a handle on.
    pub fn idle_after(mut self, idle: Duration) -> Self {
        self.idle_after = idle;
        self
    }

    /// Opens after so many failures in a row (5), from 1 to 2,097,151.
    pub fn consecutive_failures(mut self, failures: u32) -> Self {
        self.consecutive_failures = Some(failures);
        self
    }

    /// No rule on failures in a row. With no other rule either, only a hand opens the circuit.
    pub fn no_consecutive_failures(mut self) -> Self {
        self.consecutive_failures = None;
        self
    }

    /// Opens after so many failures within the window (not set), at least 1.
    pub fn failure_count(mut self, failures: u32) -> Self {
        self.failure_count = Some(failures);
        self
    }

    /// Opens when this share of the calls within the window failed (not set); above 0, at most 1.
    /// Judged at each failing or slow call, once the window has [`minimum_calls`](Self::minimum_calls).
    pub fn failure_rate(mut self, rate: f64) -> Self {
        self.failure_rate = Some(rate);
        self
    }

    /// Opens when this share of the calls within the window took longer than `limit` (not set); above
    /// 0, at most 1. A probe that is slow has failed.
    ///
    /// The time of a call runs from its first poll that had to wait. So an answer that was there at once
    /// is not slow, and a service that blocks its thread rather than wait is not seen, as by any timer.
    pub fn slow_calls(mut self, limit: Duration, rate: f64) -> Self {
        self.slow_calls = Some((limit, rate));
        self
    }

    /// What is measured against the limit for slow calls ([`SlowBy::FirstOutput`]).
    pub fn slow_by(mut self, slow_by: SlowBy) -> Self {
        self.slow_by = slow_by;
        self
    }

    /// Whether a call that is dropped unfinished counts as slow if it had already run for longer than
    /// the limit (no). A caller who gives up on a call that hangs is a sign of trouble; one who has seen
    /// enough of a long answer is not.
    pub fn slow_cancels(mut self, count: bool) -> Self {
        self.slow_cancels = count;
        self
    }

    /// How many calls within the window the rates need before they mean anything (20), at least 1.
    pub fn minimum_calls(mut self, calls: u32) -> Self {
        self.minimum_calls = calls;
        self
    }

    /// How far back counts and rates look (10 s), in ten steps; from 10 ms to a day.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How long the circuit stays open the first time (60 s).
    pub fn open_for(mut self, open: Duration) -> Self {
        self.open.base = open;
        self
    }

    /// How much longer it stays open with each trip in a row (2): base × growth^(trips − 1). At
    /// least 1, which is no growth.
    pub fn growth(mut self, growth: f64) -> Self {
        self.open.growth = growth;
        self
    }

    /// The cap on that (10 min, or the base where it is longer), before jitter.
    pub fn max_open(mut self, max: Duration) -> Self {
        self.max_open = Some(max);
        self
    }

    /// Up to this share of the open time is added at random (0.1), so that many processes do not probe
    /// at the same moment; 0 to 1.
    pub fn jitter(mut self, share: f64) -> Self {
        self.open.jitter = share;
        self
    }

    /// How long the circuit has to stay closed until its next trip is the first again (as long as
    /// [`open_for`](Self::open_for)). Zero: closing is enough.
    pub fn healthy_after(mut self, healthy: Duration) -> Self {
        self.healthy_after = Some(healthy);
        self
    }

    /// The failure that opens the circuit may carry the server's own wait, and the circuit stays open
    /// for at least that; but for no more than this (1 h).
    pub fn max_server_wait(mut self, max: Duration) -> Self {
        self.open.max_server_wait = max;
        self
    }

    /// How many probes a half-open circuit lets through (1), and on how many verdicts it decides; 1
    /// to 1024.
    ///
    /// The verdict on a stream falls at its end, and calls beyond the probes are rejected until then. Where
    /// answers are long, [`JudgeStreams::ProbesAtFirstOutput`] lets a probe decide as soon as it begins to answer.
    /// A probe that ends without a verdict, dropped or by its caller's own impatience, leaves its slot to
    /// the next call: where no caller waits for an answer the circuit stays half-open.
    pub fn probes(mut self, probes: u32) -> Self {
        self.probes = probes;
        self
    }

    /// How many of them must succeed (all). The circuit closes as soon as so many have, and opens again
    /// as soon as so many no longer can.
    pub fn success_threshold(mut self, successes: u32) -> Self {
        self.success_threshold = Some(successes);
        self
    }

    /// After how long without a sign of life a probe loses its slot to the next call (5 min). Each frame
    /// of a stream is a sign of life, when it is read. A verdict that comes after the slot was given away
    /// is discarded, so this has to be longer than the slowest good answer takes to its head, and than a
    /// caller leaves a stream unread; or the verdict falls earlier,
    /// [`JudgeStreams::ProbesAtFirstOutput`].
    pub fn probe_lease(mut self, lease: Duration) -> Self {
        self.probe_lease = lease;
        self
    }

    /// When the verdict on a stream falls ([`JudgeStreams::AtEnd`]).
    pub fn judge_streams(mut self, when: JudgeStreams) -> Self {
        self.judge_streams = when;
        self
    }

    /// What calls of this class say about the provider's health.
    ///
    /// As it is: overloaded, server_error, timeout and transport are failures; rate_limited,
    /// quota_exhausted, conflict, rejected and unknown are ignored; all others are answers, and so a
    /// success.
    pub fn verdict(mut self, class: Class, verdict: Verdict) -> Self {
        self.verdicts[class.index()] = verdict;
        self
    }

    /// Answers a call that is not let through with a 503, instead of an error (no); with `Retry-After`
    /// where it is known how long the circuit stays open. For servers, which owe their callers a
    /// response. The outcome and its veto are on the response.
    pub fn respond(mut self, respond: bool) -> Self {
        self.respond = respond;
        self
    }

    /// Calls `listener` with every transition, on the thread of the call that caused it, never under a
    /// lock. It should not block, and must not panic. To wait for transitions, see `CircuitBreakerHandle::watch`.
    pub fn on_transition(mut self, listener: impl Fn(&Transition) + Send + Sync + 'static) -> Self {
        self.listeners.push(Arc::new(listener));
        self
    }

    /// Makes the jitter repeat exactly.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// Names the first field that cannot work and its limit.
    pub fn build(self) -> Result<CircuitBreakerLayer<K>, ConfigError> {
        let keyed = self.keyed;
        let (settings, key) = self.settings()?;
        Ok(CircuitBreakerLayer::from_settings(settings, keyed, key))
    }

    pub(crate) fn settings(self) -> Result<(Settings, K), ConfigError> {
        let rules = self.rules()?;
        at_least_one("max_keys", self.max_keys)?;
        positive("idle_after", self.idle_after)?;
        if let Some((limit, _)) = self.slow_calls {
            positive("slow_calls", limit)?;
        }
        let settings = Settings {
            name: self.name,
            timed: rules.bucket.is_some(),
            rules: Arc::new(rules),
            verdicts: self.verdicts,
            slow_after: self.slow_calls.map(|(limit, _)| nanos(limit)),
            slow_by: self.slow_by,
            slow_cancels: self.slow_cancels,
            judge_streams: self.judge_streams,
            respond: self.respond,
            listeners: self.listeners,
            seeds: self.seed.map_or_else(Seeds::random, Seeds::fixed),
            origin: Instant::now(),
            max_keys: self.max_keys,
            idle_after: self.idle_after,
        };
        Ok((settings, self.key))
    }
}

impl<K> fmt::Debug for CircuitBreakerBuilder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerBuilder")
            .field("keyed", &self.keyed)
            .field("consecutive_failures", &self.consecutive_failures)
            .field("failure_count", &self.failure_count)
            .field("failure_rate", &self.failure_rate)
            .field("slow_calls", &self.slow_calls)
            .field("minimum_calls", &self.minimum_calls)
            .field("window", &self.window)
            .field("open", &self.open)
            .field("probes", &self.probes)
            .finish_non_exhaustive()
    }
}
