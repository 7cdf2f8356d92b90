//! The grammar of a wait: how providers write a span of time, in headers and in bodies.
//!
//! Pure, without panics, and strict: what is not wholly a number of the stated form is no hint. All
//! parsers take the bytes of one value, trim optional white space (SP and HTAB, RFC 9110 section
//! 5.6.3), round *up* to the millisecond, for a wait that is cut short is a wait that is not obeyed,
//! and saturate at [`MAX_WAIT`].

use std::time::Duration;

/// The longest wait that is told apart from an even longer one: 2³¹ seconds, 68 years. Adding it to
/// an instant does not overflow.
pub const MAX_WAIT: Duration = Duration::from_secs(1 << 31);

/// Trims SP and HTAB, and nothing else: a no-break space is not optional white space.
#[must_use]
pub fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Seconds, `DIGIT+ [ "." DIGIT+ ]`: the delay-seconds of RFC 9110 section 10.2.3, and the decimals
/// that providers add to it.
///
/// ```
/// use std::time::Duration;
/// use tower_steady_core::hint;
///
/// assert_eq!(hint::seconds(b" 1.5 "), Some(Duration::from_millis(1500)));
/// assert_eq!(hint::seconds(b"0.0004"), Some(Duration::from_millis(1)));
/// assert_eq!(hint::seconds(b"+5"), None);
/// assert_eq!(hint::seconds(b"99999999999999999999"), Some(hint::MAX_WAIT));
/// ```
#[must_use]
pub fn seconds(value: &[u8]) -> Option<Duration> {
    decimal(trim(value), Unit::SECOND)
}

/// Milliseconds, in the same form: `retry-after-ms` and its like.
#[must_use]
pub fn millis(value: &[u8]) -> Option<Duration> {
    decimal(trim(value), Unit::MILLISECOND)
}

/// A Go duration (`6m0s`, `1h2m3.5s`, `20ms`, `500µs`), which is also how protobuf writes one in
/// JSON (`34.07s`). Negative ones are no wait.
///
/// ```
/// use std::time::Duration;
/// use tower_steady_core::hint;
///
/// assert_eq!(hint::go_duration(b"7m12s"), Some(Duration::from_secs(432)));
/// assert_eq!(hint::go_duration(b"20ms"), Some(Duration::from_millis(20)));
/// assert_eq!(hint::go_duration(b"20"), None);
/// ```
#[must_use]
pub fn go_duration(value: &[u8]) -> Option<Duration> {
    let (total, rest) = leading_go_duration(trim(value))?;
    rest.is_empty().then_some(total)
}

/// The longest Go duration at the start of `value`, and what follows it: for a duration that stands
/// in a sentence.
#[must_use]
pub fn leading_go_duration(value: &[u8]) -> Option<(Duration, &[u8])> {
    let mut nanos = 0_u128;
    let mut rest = value;
    let mut any = false;
    while let Some((amount, after)) = leading_decimal(rest) {
        let Some((unit, after)) = Unit::leading(after) else {
            break;
        };
        nanos = nanos.saturating_add(amount.nanos(unit));
        rest = after;
        any = true;
    }
    any.then(|| (round_up(nanos), rest))
}

/// Turns a moment of the Unix epoch into a wait from `now`, both as spans since the epoch. A moment
/// that has passed is a wait of zero.
#[must_use]
pub fn until(moment: Duration, now: Duration) -> Duration {
    round_up(moment.saturating_sub(now).as_nanos())
}

/// A reset written as a bare number: from 10¹² on it is a Unix time in milliseconds, from 10⁹ on one
/// in seconds, below that a number of seconds from now.
#[must_use]
pub fn reset(value: &[u8], now: Duration) -> Option<Duration> {
    let number = seconds(value)?;
    if number < Duration::from_secs(1_000_000_000) {
        return Some(number);
    }
    let value = trim(value);
    let whole = value.iter().take_while(|b| b.is_ascii_digit()).count();
    let digits = value[..whole].iter().skip_while(|b| **b == b'0').count();
    let unit = if digits >= 13 {
        Unit::MILLISECOND
    } else {
        Unit::SECOND
    };
    let (amount, _) = leading_decimal(value)?;
    let nanos = u64::try_from(amount.nanos(unit)).unwrap_or(u64::MAX);
    Some(until(Duration::from_nanos(nanos), now))
}

fn decimal(value: &[u8], unit: Unit) -> Option<Duration> {
    match leading_decimal(value)? {
        (amount, []) => Some(round_up(amount.nanos(unit))),
        _ => None,
    }
}

/// An unsigned decimal number: its whole part, and its fraction in billionths, rounded up.
#[derive(Clone, Copy)]
struct Amount {
    whole: u64,
    billionths: u64,
}

impl Amount {
    fn nanos(self, unit: Unit) -> u128 {
        const BILLION: u128 = 1_000_000_000;
        let unit = u128::from(unit.0);
        let fraction = (u128::from(self.billionths) * unit).div_ceil(BILLION);
        u128::from(self.whole)
            .saturating_mul(unit)
            .saturating_add(fraction)
    }
}

/// The nanoseconds in one of a unit.
#[derive(Clone, Copy)]
struct Unit(u64);

impl Unit {
    const SECOND: Self = Self(1_000_000_000);
    const MILLISECOND: Self = Self(1_000_000);

    /// Longest name first: `m` must not win over `ms`.
    const NAMES: [(&'static [u8], u64); 9] = [
        (b"ns", 1),
        (b"us", 1_000),
        ("\u{b5}s".as_bytes(), 1_000),
        ("\u{3bc}s".as_bytes(), 1_000),
        (b"ms", 1_000_000),
        (b"s", 1_000_000_000),
        (b"m", 60_000_000_000),
        (b"h", 3_600_000_000_000),
        (b"d", 86_400_000_000_000),
    ];

    fn leading(value: &[u8]) -> Option<(Self, &[u8])> {
        Self::NAMES
            .iter()
            .find_map(|(name, nanos)| Some((Self(*nanos), value.strip_prefix(*name)?)))
    }
}

/// `DIGIT+ [ "." DIGIT+ ]` at the start of `value`, and what follows.
fn leading_decimal(value: &[u8]) -> Option<(Amount, &[u8])> {
    let (whole, rest) = digits(value);
    if whole.is_empty() {
        return None;
    }
    let whole = whole.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    let (fraction, rest) = match rest {
        [b'.', after @ ..] if after.first().is_some_and(u8::is_ascii_digit) => digits(after),
        _ => (&[][..], rest),
    };
    Some((
        Amount {
            whole,
            billionths: billionths(fraction),
        },
        rest,
    ))
}

fn digits(value: &[u8]) -> (&[u8], &[u8]) {
    let end = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    value.split_at(end)
}

fn billionths(fraction: &[u8]) -> u64 {
    let (kept, cut) = fraction.split_at(fraction.len().min(9));
    let mut sum = kept
        .iter()
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    for _ in kept.len()..9 {
        sum *= 10;
    }
    sum + u64::from(cut.iter().any(|digit| *digit != b'0'))
}

fn round_up(nanos: u128) -> Duration {
    let millis = nanos.div_ceil(u128::from(Unit::MILLISECOND.0));
    u64::try_from(millis).map_or(MAX_WAIT, |millis| {
        Duration::from_millis(millis).min(MAX_WAIT)
    })
}
