use std::time::Duration;

use tower_steady_core::ConfigError;

/// How the backoff window grows from retry to retry, before any jitter.
///
/// Pure arithmetic: it saturates at the cap and never panics, whatever the retry's number.
///
/// ```
/// use std::time::Duration;
/// use tower_steady_backoff_jitter::Schedule;
///
/// let schedule = Schedule::exponential(Duration::from_secs(1)).cap(Duration::from_secs(3));
/// let seconds = [1, 2, 3, 4].map(|retry| schedule.window(retry).as_secs());
/// assert_eq!(seconds, [1, 2, 3, 3]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    shape: Shape,
    base: Duration,
    cap: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Fixed,
    Linear { step: Duration },
    Exponential { factor: f64 },
}

impl Schedule {
    /// The same window before every retry. Zero retries at once.
    #[must_use]
    pub const fn fixed(delay: Duration) -> Self {
        Self::new(Shape::Fixed, delay)
    }

    /// `base`, `base + step`, `base + 2 step`, …
    #[must_use]
    pub const fn linear(base: Duration, step: Duration) -> Self {
        Self::new(Shape::Linear { step }, base)
    }

    /// `base`, `2 base`, `4 base`, … For another factor than 2 see
    /// [`exponential_by`](Self::exponential_by).
    #[must_use]
    pub const fn exponential(base: Duration) -> Self {
        Self::exponential_by(base, 2.0)
    }

    /// `base`, `base · factor`, `base · factor²`, … The factor is at least 1.
    #[must_use]
    pub const fn exponential_by(base: Duration, factor: f64) -> Self {
        Self::new(Shape::Exponential { factor }, base)
    }

    const fn new(shape: Shape, base: Duration) -> Self {
        Self {
            shape,
            base,
            cap: None,
        }
    }

    /// The longest window. Applied before the jitter, so that delays at the cap keep all of theirs.
    /// Without it the layer's own cap holds ([`RetryBuilder::cap`](crate::RetryBuilder::cap)).
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = Some(cap);
        self
    }

    /// The window before this retry, counted from 1: the second try of a call is its first retry.
    #[must_use]
    pub fn window(&self, retry: u32) -> Duration {
        let steps = retry.saturating_sub(1);
        let window = match self.shape {
            Shape::Fixed => self.base,
            Shape::Linear { step } => self.base.saturating_add(step.saturating_mul(steps)),
            Shape::Exponential { factor } => scale(self.base, factor, steps),
        };
        window.min(self.limit())
    }

    pub(crate) const fn base(&self) -> Duration {
        self.base
    }

    /// The cap in force.
    pub(crate) fn limit(&self) -> Duration {
        self.cap.unwrap_or(Duration::MAX)
    }

    pub(crate) const fn or_cap(mut self, cap: Duration) -> Self {
        if self.cap.is_none() {
            self.cap = Some(cap);
        }
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if let Shape::Exponential { factor } = self.shape
            && (!factor.is_finite() || factor < 1.0)
        {
            return Err(ConfigError::new(
                "factor",
                format!("must be a finite number of at least 1, got {factor}"),
            ));
        }
        // A fixed delay of zero is an immediate retry, on purpose; zero that should grow is a slip.
        if self.base.is_zero() && self.shape != Shape::Fixed {
            return Err(ConfigError::new(
                "base",
                "must be longer than zero, got 0ns",
            ));
        }
        if self.limit() < self.base {
            return Err(ConfigError::new(
                "cap",
                format!(
                    "must not be below the schedule's base of {:?}, got {:?}",
                    self.base,
                    self.limit()
                ),
            ));
        }
        Ok(())
    }
}

/// `base · factor^steps`, `Duration::MAX` where that does not fit.
fn scale(base: Duration, factor: f64, steps: u32) -> Duration {
    // Zero times infinity is not a number.
    if base.is_zero() {
        return base;
    }
    let power = factor.powi(i32::try_from(steps).unwrap_or(i32::MAX));
    Duration::try_from_secs_f64(base.as_secs_f64() * power).unwrap_or(Duration::MAX)
}
