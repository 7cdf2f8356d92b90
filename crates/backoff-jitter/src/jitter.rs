use std::time::Duration;

use tower_steady_core::ConfigError;

use crate::Schedule;

/// How a delay is drawn from the schedule's window `v` (Brooker, "Exponential Backoff And Jitter",
/// AWS Architecture Blog, 2015). `U(a, b)` is uniform.
///
/// Every call draws its own randomness, also at the cap, so that callers that failed together do not
/// come back together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// `v`, always. Callers that failed together come back together: for tests, and for a server
    /// that does not mind.
    None,
    /// `U(0, v)`, mean `v/2`: the fewest calls under contention, and the default.
    #[default]
    Full,
    /// `v/2 + U(0, v/2)`, mean `3v/4`: never sooner than half the window.
    Equal,
    /// `v + U(0, j)`, mean `v + j/2`. The jitter is added to the capped window and may pass the cap; `j`
    /// itself may not.
    Additive(Duration),
    /// `U(base, min(cap, 3 · previous))`, where the previous delay is at least the base. It grows by
    /// itself, by 1.5 a retry in the mean: of the schedule only base and cap count.
    ///
    /// The cap limits the range and not the drawn value, unlike in the original, which puts a
    /// quarter and more of all delays on the cap exactly.
    Decorrelated,
}

impl Jitter {
    pub(crate) fn check(self, cap: Duration) -> Result<(), ConfigError> {
        match self {
            Self::Additive(most) if most > cap => Err(ConfigError::new(
                "jitter",
                format!("must not add more than the `cap` of {cap:?}, got {most:?}"),
            )),
            _ => Ok(()),
        }
    }

    /// The delay before this retry (counted from 1), with `random` uniform over all `u64`.
    pub(crate) fn delay(
        self,
        schedule: &Schedule,
        retry: u32,
        previous: Duration,
        random: u64,
    ) -> Duration {
        let window = self.window(schedule, retry, previous);
        match self {
            Self::None => window,
            Self::Full => uniform(window, random),
            Self::Equal => {
                let half = window / 2;
                half + uniform(window - half, random)
            }
            Self::Additive(most) => window.saturating_add(uniform(most, random)),
            Self::Decorrelated => {
                let base = schedule.base();
                base.saturating_add(uniform(window.saturating_sub(base), random))
            }
        }
    }

    /// What is added to a server's wait: always positive, the whole window, so that a crowd that was
    /// told the same wait does not come back at one instant.
    pub(crate) fn beyond(
        self,
        schedule: &Schedule,
        retry: u32,
        previous: Duration,
        random: u64,
    ) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            _ => uniform(self.window(schedule, retry, previous), random),
        }
    }

    /// The longest delay before this retry, additive jitter aside.
    pub(crate) fn window(self, schedule: &Schedule, retry: u32, previous: Duration) -> Duration {
        match self {
            Self::Decorrelated => {
                let previous = previous.max(schedule.base());
                previous.saturating_mul(3).min(schedule.limit())
            }
            _ => schedule.window(retry),
        }
    }
}

/// `U(0, most)` in whole nanoseconds, by multiply and shift: for a `most` that a random `u64` does not
/// divide evenly the bias is below 2⁻⁶⁴ of it a step. Above 584 years the range ends there.
fn uniform(most: Duration, random: u64) -> Duration {
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    let drawn = (u128::from(nanos) * u128::from(random)) >> 64;
    // Below `nanos`, and so it fits.
    Duration::from_nanos(drawn as u64)
}
