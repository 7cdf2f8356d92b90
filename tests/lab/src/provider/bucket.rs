use std::time::Duration;

/// A token bucket, with time as an argument.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    per_sec: f64,
    burst: f64,
    level: f64,
    at: Duration,
}

impl Bucket {
    /// Starts full. `per_minute` is the refill; `burst_secs` of it fit in.
    #[must_use]
    pub fn new(per_minute: f64, burst_secs: f64) -> Self {
        let per_sec = per_minute / 60.0;
        Self {
            per_sec,
            burst: per_sec * burst_secs,
            level: per_sec * burst_secs,
            at: Duration::ZERO,
        }
    }

    /// How long until `cost` is there, or `None` if it is there now.
    #[must_use]
    pub fn wait_for(&mut self, now: Duration, cost: f64) -> Option<Duration> {
        self.refill(now);
        // A cost above the burst passes once the bucket is full, or it never would.
        let missing = cost.min(self.burst) - self.level;
        (missing > 1e-9).then(|| Duration::from_secs_f64(missing / self.per_sec))
    }

    /// Takes `cost`, into debt if need be, but never deeper than a minute's worth.
    pub fn charge(&mut self, now: Duration, cost: f64) {
        self.refill(now);
        self.level = (self.level - cost).max(-60.0 * self.per_sec);
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.level = (self.level + passed * self.per_sec).min(self.burst);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_refills_and_says_when() {
        let at = Duration::from_secs;
        let mut bucket = Bucket::new(600.0, 1.0);
        for _ in 0..10 {
            assert_eq!(bucket.wait_for(at(1), 1.0), None);
            bucket.charge(at(1), 1.0);
        }
        assert_eq!(
            bucket.wait_for(at(1), 1.0),
            Some(Duration::from_millis(100))
        );
        assert_eq!(bucket.wait_for(at(2), 1.0), None);
    }

    #[test]
    fn debt_ends_at_a_minutes_worth() {
        let mut bucket = Bucket::new(60.0, 1.0);
        for _ in 0..1000 {
            bucket.charge(Duration::ZERO, 1.0);
        }
        let wait = bucket.wait_for(Duration::ZERO, 1.0).unwrap();
        assert_eq!(wait, Duration::from_secs(61));
    }
}
