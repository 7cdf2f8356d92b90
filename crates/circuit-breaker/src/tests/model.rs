//! A slow and obvious model of a circuit, and random histories that drive it beside the real one.
//!
//! The model keeps every call of the present generation in a list and looks through all of it each
//! time. It knows no words, shards, buckets or leases by id: what it computes is the documentation.

use std::time::Duration;

use proptest::prelude::*;

use super::{Tick, breaker, rules};
use crate::breaker::{Breaker, End, Ticket};
use crate::rules::{OpenTime, Rules};
use crate::state::{Counts, State, TripReason, WindowCounts};

/// One call or probe of the model.
#[derive(Clone, Debug)]
struct Call {
    generation: u64,
    probe: bool,
    /// A probe's slot has been given to another.
    lapsed: bool,
    /// Its output has begun, and it counts in the window since then: the row that this ended.
    begun: Option<u32>,
    /// When a probe's lease ends.
    lease: u64,
}

/// One verdict or sign of life that counts, in the present generation.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    /// No earlier entry is of the same call.
    first: bool,
    failed: bool,
    slow: bool,
}

struct Model {
    rules: Rules,
    state: State,
    generation: u64,
    reason: Option<TripReason>,
    until: u64,
    closed_at: u64,
    trips: u32,
    entries: Vec<Entry>,
    /// Failures in a row.
    row: u32,
    calls: Vec<Call>,
    in_flight: Vec<usize>,
    probe_verdicts: Vec<bool>,
    counts: Counts,
}

impl Model {
    fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::Closed,
            generation: 0,
            reason: None,
            until: 0,
            closed_at: 0,
            trips: 0,
            entries: Vec::new(),
            row: 0,
            calls: Vec::new(),
            in_flight: Vec::new(),
            probe_verdicts: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn moves_to(&mut self, state: State, reason: Option<TripReason>) {
        self.state = state;
        self.reason = reason;
        self.generation += 1;
        self.entries.clear();
        self.row = 0;
        self.in_flight.clear();
        self.probe_verdicts.clear();
    }

    fn admit(&mut self, now: u64) -> Option<usize> {
        if self.state == State::Open && now >= self.until {
            let reason = self.reason;
            self.moves_to(State::HalfOpen, reason);
        }
        let probe = self.state == State::HalfOpen;
        let rejects = matches!(self.state, State::Open | State::ForcedOpen);
        if rejects || (probe && !self.takes_a_slot(now)) {
            self.counts.rejected += 1;
            return None;
        }
        let id = self.calls.len();
        self.calls.push(Call {
            generation: self.generation,
            probe,
            lapsed: false,
            begun: None,
            lease: now + self.rules.probe_lease.as_nanos() as u64,
        });
        if probe {
            self.in_flight.push(id);
        }
        Some(id)
    }

    fn takes_a_slot(&mut self, now: u64) -> bool {
        if self.in_flight.len() + self.probe_verdicts.len() < self.rules.probes as usize {
            return true;
        }
        let calls = &mut self.calls;
        let over = self.in_flight.iter().position(|&id| calls[id].lease <= now);
        match over {
            Some(position) => {
                calls[self.in_flight.remove(position)].lapsed = true;
                true
            }
            None => false,
        }
    }

    fn begin(&mut self, id: usize, now: u64) {
        let call = &mut self.calls[id];
        if call.generation == self.generation && !call.probe && call.begun.is_none() {
            call.begun = Some(self.row);
            self.row = 0;
            self.entries.push(Entry {
                at: now,
                first: true,
                failed: false,
                slow: false,
            });
        }
    }

    fn end(&mut self, id: usize, end: End, slow: bool, wait: Option<Duration>, now: u64) {
        let call = self.calls[id].clone();
        if call.generation != self.generation || call.lapsed {
            self.counts.stale += 1;
            return;
        }
        match end {
            End::Success => self.counts.successes += 1,
            End::Failure => self.counts.failures += 1,
            End::Ignored => self.counts.ignored += 1,
            End::Cancelled => self.counts.cancelled += 1,
        }
        self.counts.slow += u64::from(slow);
        let says_something = slow || matches!(end, End::Success | End::Failure);
        if call.probe {
            self.in_flight.retain(|&other| other != id);
            if says_something {
                self.probe_verdicts.push(end == End::Success && !slow);
                self.decide(wait, now);
            }
            return;
        }
        if !says_something {
            return;
        }
        self.entries.push(Entry {
            at: now,
            first: call.begun.is_none(),
            failed: end == End::Failure,
            slow,
        });
        match end {
            End::Success => self.row = 0,
            // A stream that began and failed has not ended the row.
            End::Failure => self.row = self.row.max(call.begun.unwrap_or(0)) + 1,
            End::Ignored | End::Cancelled => {}
        }
        if self.state == State::Closed
            && (slow || end == End::Failure)
            && let Some(reason) = self.trips(end, now)
        {
            self.open(reason, wait, now);
        }
    }

    fn decide(&mut self, wait: Option<Duration>, now: u64) {
        let good = self.probe_verdicts.iter().filter(|good| **good).count() as u32;
        let bad = self.probe_verdicts.len() as u32 - good;
        if good >= self.rules.success_threshold {
            self.moves_to(State::Closed, None);
            self.closed_at = now;
        } else if bad > self.rules.probes - self.rules.success_threshold {
            self.open(TripReason::ProbesFailed, wait, now);
        }
    }

    fn trips(&self, end: End, now: u64) -> Option<TripReason> {
        let row = if end == End::Failure { self.row } else { 0 };
        if self
            .rules
            .consecutive_failures
            .is_some_and(|most| row >= most)
        {
            return Some(TripReason::ConsecutiveFailures);
        }
        let window = self.window(now)?;
        if self
            .rules
            .failure_count
            .is_some_and(|most| window.failures >= u64::from(most))
        {
            return Some(TripReason::FailureCount);
        }
        if window.calls < u64::from(self.rules.minimum_calls) {
            return None;
        }
        let calls = window.calls as f64;
        if self
            .rules
            .failure_rate
            .is_some_and(|most| window.failures as f64 / calls >= most)
        {
            return Some(TripReason::FailureRate);
        }
        self.rules
            .slow_call_rate
            .is_some_and(|most| window.slow as f64 / calls >= most)
            .then_some(TripReason::SlowCallRate)
    }

    /// The calls of the bucket that holds `now` and of the nine before it.
    fn window(&self, now: u64) -> Option<WindowCounts> {
        let width = self.rules.bucket?;
        let mut counts = WindowCounts::default();
        for entry in &self.entries {
            if entry.at / width + 10 > now / width {
                counts.calls += u64::from(entry.first);
                counts.failures += u64::from(entry.failed);
                counts.slow += u64::from(entry.slow);
            }
        }
        counts.calls = counts.calls.max(counts.failures).max(counts.slow);
        Some(counts)
    }

    fn open(&mut self, reason: TripReason, wait: Option<Duration>, now: u64) {
        let time = &self.rules.open_time;
        let healthy = self.state == State::Closed
            && now - self.closed_at >= time.healthy_after.as_nanos() as u64;
        self.trips = if healthy { 1 } else { self.trips + 1 };
        let mut length = time.base;
        for _ in 1..self.trips {
            length = (length * 2).min(time.max);
        }
        length = length.max(wait.unwrap_or_default());
        self.moves_to(State::Open, Some(reason));
        self.until = now + length.as_nanos() as u64;
    }

    fn force(&mut self, state: State, now: u64) {
        let reason = (state == State::ForcedOpen).then_some(TripReason::Forced);
        self.moves_to(state, reason);
        self.trips = 0;
        self.closed_at = now;
    }
}

#[derive(Clone, Debug)]
enum Step {
    Call,
    Begin(prop::sample::Index),
    End {
        which: prop::sample::Index,
        end: End,
        slow: bool,
        wait: Option<Duration>,
    },
    Force(State),
    Pass(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    let ends = prop_oneof![
        5 => Just(End::Success),
        5 => Just(End::Failure),
        1 => Just(End::Ignored),
        1 => Just(End::Cancelled),
    ];
    let wait = prop_oneof![9 => Just(None), 1 => (0..9_000_u64).prop_map(|ms| Some(Duration::from_millis(ms)))];
    let ended = (
        any::<prop::sample::Index>(),
        ends,
        prop::bool::weighted(0.2),
        wait,
    );
    prop_oneof![
        20 => Just(Step::Call),
        6 => any::<prop::sample::Index>().prop_map(Step::Begin),
        20 => ended.prop_map(|(which, end, slow, wait)| Step::End { which, end, slow, wait }),
        1 => prop_oneof![Just(State::ForcedOpen), Just(State::ForcedClosed), Just(State::Closed)]
            .prop_map(Step::Force),
        8 => prop_oneof![
            4 => 0..400_u64,
            2 => 400..3_000_u64,
            // On the edges of buckets, open times and leases.
            2 => (0..12_u64).prop_map(|n| n * 500),
            1 => 3_000..100_000_u64,
        ].prop_map(|ms| Step::Pass(Duration::from_millis(ms))),
    ]
}

fn random_rules() -> impl Strategy<Value = Rules> {
    let trips = (
        prop::option::of(1..5_u32),
        prop::option::of(1..6_u32),
        prop::option::of(prop::sample::select(vec![0.1, 0.3, 0.5, 0.7, 1.0])),
        prop::option::of(prop::sample::select(vec![0.2, 0.5, 1.0])),
        1..6_u32,
    );
    let half_open = (1..5_u32)
        .prop_flat_map(|probes| (Just(probes), 1..=probes))
        .prop_flat_map(|both| (Just(both), 500..4_000_u64));
    let healthy = prop::sample::select(vec![0, 1_000, 5_000]);
    (trips, half_open, healthy).prop_map(
        |((row, count, rate, slow, minimum_calls), ((probes, threshold), lease), healthy)| {
            let windowed = count.is_some() || rate.is_some() || slow.is_some();
            Rules {
                consecutive_failures: row,
                failure_count: count,
                failure_rate: rate,
                slow_call_rate: slow,
                minimum_calls,
                bucket: windowed.then_some(500_000_000),
                quick: !windowed,
                probes,
                success_threshold: threshold,
                probe_lease: Duration::from_millis(lease),
                open_time: OpenTime {
                    healthy_after: Duration::from_millis(healthy),
                    max: Duration::from_secs(10),
                    ..rules().open_time
                },
            }
        },
    )
}

/// A ticket of the real circuit beside the same call in the model.
struct Pair {
    real: Ticket,
    model: usize,
}

fn agree(real: &Breaker, model: &Model, now: u64) -> Result<(), TestCaseError> {
    let status = real.status(Tick(now));
    prop_assert_eq!(status.state, model.state);
    prop_assert_eq!(status.generation, model.generation);
    prop_assert_eq!(status.reason, model.reason);
    if model.state == State::Open {
        let left = Duration::from_nanos(model.until.saturating_sub(now));
        prop_assert_eq!(status.left, Some(left));
    }
    prop_assert_eq!(real.counts(), model.counts);
    prop_assert_eq!(real.window(Tick(now)), model.window(now));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// The same calls, verdicts, drops and time, in the same order: both say the same at every step.
    #[test]
    fn the_circuit_does_what_the_model_does(
        rules in random_rules(),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let real = breaker(rules.clone());
        let mut model = Model::new(rules);
        let mut open: Vec<Pair> = Vec::new();
        let mut let_through = 0;
        let mut now = 0_u64;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Call => {
                    let refused = real.would_refuse(Tick(now)).is_some();
                    let (ticket, _) = real.admit(Tick(now));
                    prop_assert_eq!(refused, ticket.is_err());
                    let id = model.admit(now);
                    prop_assert_eq!(ticket.is_ok(), id.is_some());
                    if let (Ok(real), Some(model)) = (ticket, id) {
                        let_through += 1;
                        open.push(Pair { real, model });
                    }
                }
                Step::Begin(which) if !open.is_empty() => {
                    let index = which.index(open.len());
                    let pair = &mut open[index];
                    model.begin(pair.model, now);
                    real.begin(&mut pair.real, Tick(now), number);
                }
                Step::End { which, end, slow, wait } if !open.is_empty() => {
                    let pair = open.swap_remove(which.index(open.len()));
                    let generation = model.generation;
                    model.end(pair.model, end, slow, wait, now);
                    let change = real.end(&pair.real, end, slow, wait, Tick(now), number, || 0.0);
                    // A transition is told exactly when there is one.
                    let moved = (model.generation != generation).then_some(model.state);
                    prop_assert_eq!(change.map(|change| change.to), moved);
                }
                Step::Begin(_) | Step::End { .. } => {}
                Step::Force(state) => {
                    model.force(state, now);
                    real.force(state, Tick(now));
                }
                Step::Pass(time) => now += time.as_nanos() as u64,
            }
            agree(&real, &model, now)?;
            // Nothing is lost: what was let through has ended in one way, or is in flight.
            let counts = real.counts();
            let ended = counts.successes + counts.failures + counts.ignored + counts.cancelled
                + counts.stale;
            prop_assert_eq!(let_through, ended + open.len() as u64);
        }
    }
}
