use std::fmt;
use std::time::Duration;

/// A span of time as a person reads it: to the tenth of a second, millisecond or microsecond.
///
/// `Duration` itself prints what a clock measured to the nanosecond.
///
/// ```
/// use std::time::Duration;
/// use tower_steady_core::Rounded;
///
/// assert_eq!(Rounded(Duration::new(29, 961_234_567)).to_string(), "30s");
/// assert_eq!(Rounded(Duration::from_micros(4_730_499)).to_string(), "4.7s");
/// assert_eq!(Rounded(Duration::from_nanos(250_049_999)).to_string(), "250ms");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rounded(pub Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(span) = *self;
        let tenth: u64 = match span {
            _ if span >= Duration::from_secs(1) => 100_000_000,
            _ if span >= Duration::from_millis(1) => 100_000,
            _ => 100,
        };
        let over = span.as_nanos() % u128::from(tenth);
        let over = u64::try_from(over).unwrap_or_default();
        let down = span.saturating_sub(Duration::from_nanos(over));
        let rounded = match over * 2 < tenth {
            true => down,
            false => down.saturating_add(Duration::from_nanos(tenth)),
        };
        write!(f, "{rounded:?}")
    }
}
