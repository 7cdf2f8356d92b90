use std::time::Duration;

use tower_steady_core::{Class, ConfigError};

use super::{CircuitBreakerBuilder, DEFAULT_MAX_OPEN};
use crate::check::{in_range, positive, share};
use crate::rules::{OpenTime, Rules};
use crate::state::Verdict;
use crate::tick::nanos;
use crate::window::BUCKETS;
use crate::word::MAX_ROW;

impl<K> CircuitBreakerBuilder<K> {
    /// The rules of the decision core, once every number in them is within its limits.
    pub(super) fn rules(&self) -> Result<Rules, ConfigError> {
        let windowed = self.failure_count.is_some()
            || self.failure_rate.is_some()
            || self.slow_calls.is_some();
        if let Some(failures) = self.consecutive_failures {
            in_range("consecutive_failures", failures, 1, MAX_ROW)?;
        }
        if let Some(failures) = self.failure_count {
            in_range("failure_count", failures, 1, u32::MAX)?;
        }
        if let Some(rate) = self.failure_rate {
            share("failure_rate", rate)?;
        }
        if let Some((_, rate)) = self.slow_calls {
            share("slow_calls", rate)?;
        }
        in_range("minimum_calls", self.minimum_calls, 1, u32::MAX)?;
        let (shortest, longest) = (Duration::from_millis(10), Duration::from_secs(86_400));
        if self.window < shortest || self.window > longest {
            let problem = format!("must be from 10 ms to 24 h, got {:?}", self.window);
            return Err(ConfigError::new("window", problem));
        }
        positive("open_for", self.open.base)?;
        let max_open = self
            .max_open
            .unwrap_or(DEFAULT_MAX_OPEN.max(self.open.base));
        if max_open < self.open.base {
            let problem = format!("must be at least open_for, got {max_open:?}");
            return Err(ConfigError::new("max_open", problem));
        }
        positive("probe_lease", self.probe_lease)?;
        if !(self.open.growth >= 1.0 && self.open.growth.is_finite()) {
            let problem = format!("must be a number of at least 1, got {}", self.open.growth);
            return Err(ConfigError::new("growth", problem));
        }
        if !(0.0..=1.0).contains(&self.open.jitter) {
            let problem = format!("must be from 0 to 1, got {}", self.open.jitter);
            return Err(ConfigError::new("jitter", problem));
        }
        in_range("probes", self.probes, 1, 1024)?;
        let success_threshold = self.success_threshold.unwrap_or(self.probes);
        in_range("success_threshold", success_threshold, 1, self.probes)?;
        Ok(Rules {
            consecutive_failures: self.consecutive_failures,
            failure_count: self.failure_count,
            failure_rate: self.failure_rate,
            slow_call_rate: self.slow_calls.map(|(_, rate)| rate),
            minimum_calls: self.minimum_calls,
            bucket: windowed.then(|| nanos(self.window) / BUCKETS),
            quick: !windowed && self.verdicts[Class::Success.index()] == Verdict::Success,
            probes: self.probes,
            success_threshold,
            probe_lease: self.probe_lease,
            open_time: OpenTime {
                max: max_open,
                healthy_after: self.healthy_after.unwrap_or(self.open.base),
                ..self.open.clone()
            },
        })
    }
}
