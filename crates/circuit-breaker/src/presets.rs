use std::time::Duration;

use crate::config::CircuitBreakerBuilder;

/// The numbers that the field has settled on, each to be changed further.
impl CircuitBreakerBuilder {
    /// Five failures in a row open the circuit for 60 s. The default, and the most common choice
    /// in front of one provider.
    pub fn five_in_a_row() -> Self {
        Self::new()
    }

    /// Five failures within the last minute, in a row or not, open the circuit for 30 s. For little
    /// traffic, where a share of it means nothing.
    pub fn five_a_minute() -> Self {
        Self::new()
            .no_consecutive_failures()
            .failure_count(5)
            .window(Duration::from_secs(60))
            .open_for(Duration::from_secs(30))
    }

    /// Failures of half the calls, and at least 20 calls, within 10 s open the circuit for 5 s:
    /// Hystrix's numbers. For much traffic, of which some may always fail.
    pub fn half_of_twenty() -> Self {
        Self::new()
            .no_consecutive_failures()
            .failure_rate(0.5)
            .minimum_calls(20)
            .window(Duration::from_secs(10))
            .open_for(Duration::from_secs(5))
    }
}
