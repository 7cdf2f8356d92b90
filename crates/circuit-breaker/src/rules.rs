use std::time::Duration;

use crate::state::{TripReason, WindowCounts};

/// When a circuit opens, for how long, and what closes it: the validated part of the configuration
/// that the core reads.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) consecutive_failures: Option<u32>,
    pub(crate) failure_count: Option<u32>,
    pub(crate) failure_rate: Option<f64>,
    pub(crate) slow_call_rate: Option<f64>,
    pub(crate) minimum_calls: u32,
    /// The width of a bucket in nanoseconds, where any rule needs a window.
    pub(crate) bucket: Option<u64>,
    /// Whether a whole success ends its call well without a look at the clock or at anything else.
    pub(crate) quick: bool,
    pub(crate) probes: u32,
    pub(crate) success_threshold: u32,
    pub(crate) probe_lease: Duration,
    pub(crate) open_time: OpenTime,
}

impl Rules {
    /// The first rule that trips. `bad`: the calls in the window that failed or were slow; `good` sums
    /// up the others, if it comes to that.
    pub(crate) fn trips(
        &self,
        row: u32,
        bad: WindowCounts,
        good: impl FnOnce() -> u64,
    ) -> Option<TripReason> {
        let reached =
            |limit: Option<u32>, count| limit.is_some_and(|most| count >= u64::from(most));
        if reached(self.consecutive_failures, u64::from(row)) {
            return Some(TripReason::ConsecutiveFailures);
        }
        if reached(self.failure_count, bad.failures) {
            return Some(TripReason::FailureCount);
        }
        // Before the many are summed up: could the few be enough, were there no others?
        let minimum = u64::from(self.minimum_calls);
        self.rate_of(bad, bad.calls.max(minimum))?;
        let calls = bad.and_good(good()).calls;
        self.rate_of(bad, calls).filter(|_| calls >= minimum)
    }

    fn rate_of(&self, bad: WindowCounts, calls: u64) -> Option<TripReason> {
        // Divided, not multiplied: 7 of 100 reach 0.07 only so.
        let reached = |limit: Option<f64>, part: u64| {
            limit.is_some_and(|most| part > 0 && part as f64 / calls as f64 >= most)
        };
        if reached(self.failure_rate, bad.failures) {
            return Some(TripReason::FailureRate);
        }
        reached(self.slow_call_rate, bad.slow).then_some(TripReason::SlowCallRate)
    }
}

/// How long a circuit stays open.
#[derive(Clone, Debug)]
pub(crate) struct OpenTime {
    pub(crate) base: Duration,
    /// Each further trip in a row lasts this much longer than the one before.
    pub(crate) growth: f64,
    /// The cap on base and growth, before jitter.
    pub(crate) max: Duration,
    /// Up to this share is added at random.
    pub(crate) jitter: f64,
    /// Closed for so long, the circuit is healthy and its next trip is the first again.
    pub(crate) healthy_after: Duration,
    /// The longest wait that a server is believed.
    pub(crate) max_server_wait: Duration,
}

impl OpenTime {
    /// The length of the `trips`-th open time in a row, counted from 1: max(jittered exponential,
    /// server's wait). `unit` is a random number in 0..1. Jitter only adds, so that a circuit is never
    /// open for less than was configured, and many processes do not probe at the same moment.
    pub(crate) fn length(&self, trips: u32, unit: f64, wait: Option<Duration>) -> Duration {
        let exponent = f64::from(trips.saturating_sub(1));
        let seconds = self.base.as_secs_f64() * self.growth.powf(exponent);
        // An overflow to infinity is capped here too.
        let capped = seconds.min(self.max.as_secs_f64());
        let jittered = capped * (1.0 + self.jitter * unit);
        let wait = wait.unwrap_or_default().min(self.max_server_wait);
        Duration::try_from_secs_f64(jittered)
            .unwrap_or(self.max)
            .max(wait)
    }
}
