//! The model itself.
//!
//! It keeps every call of the present generation in a list and looks through all of it each time. It
//! knows no words, shards, buckets or leases by id: what it computes is the documentation.

use std::time::Duration;

use crate::breaker::End;
use crate::rules::Rules;
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

pub(super) struct Model {
    rules: Rules,
    pub(super) state: State,
    pub(super) generation: u64,
    pub(super) reason: Option<TripReason>,
    pub(super) until: u64,
    closed_at: u64,
    trips: u32,
    entries: Vec<Entry>,
    /// Failures in a row.
    row: u32,
    calls: Vec<Call>,
    in_flight: Vec<usize>,
    probe_verdicts: Vec<bool>,
    pub(super) counts: Counts,
}

impl Model {
    pub(super) fn new(rules: Rules) -> Self {
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

    pub(super) fn admit(&mut self, now: u64) -> Option<usize> {
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

    pub(super) fn begin(&mut self, id: usize, now: u64) {
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

    pub(super) fn end(
        &mut self,
        id: usize,
        end: End,
        slow: bool,
        wait: Option<Duration>,
        now: u64,
    ) {
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
    pub(super) fn window(&self, now: u64) -> Option<WindowCounts> {
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

    pub(super) fn force(&mut self, state: State, now: u64) {
        let reason = (state == State::ForcedOpen).then_some(TripReason::Forced);
        self.moves_to(state, reason);
        self.trips = 0;
        self.closed_at = now;
    }
}
