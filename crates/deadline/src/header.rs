//! How a span of time is written in a header.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tower_steady_core::hint;

use crate::events;

/// How the time that is left is written in a header, inbound and outbound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeoutFormat {
    /// `grpc-timeout`, as in the [gRPC protocol over HTTP/2][spec]: at most eight digits, then a unit
    /// of `H`, `M`, `S`, `m`, `u` or `n`. `10S`, `250m`.
    ///
    /// Written in the finest unit whose value has eight digits, rounded up.
    ///
    /// [spec]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
    Grpc,
    /// Seconds: digits, with an optional fraction. `10`, `2.5`. Written without one, rounded up.
    Seconds,
    /// Milliseconds, in the same form. `x-envoy-upstream-rq-timeout-ms` is one.
    Millis,
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The units of `grpc-timeout` in nanoseconds, finest first.
const GRPC_UNITS: [(u8, u128); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', NANOS_PER_SECOND),
    (b'M', 60 * NANOS_PER_SECOND),
    (b'H', 3600 * NANOS_PER_SECOND),
];

/// The largest value of eight digits.
const GRPC_MOST: u128 = 99_999_999;

impl TimeoutFormat {
    /// Reads a value, strictly: what is not wholly of this form is `None`. Too long ones saturate.
    #[must_use]
    pub fn parse(self, value: &[u8]) -> Option<Duration> {
        match self {
            Self::Grpc => parse_grpc(value),
            Self::Seconds => hint::seconds(value),
            Self::Millis => hint::millis(value),
        }
    }

    /// Writes a value, rounded up so that the receiver does not give up before the sender.
    #[must_use]
    pub fn write(self, left: Duration) -> HeaderValue {
        let nanos = left.as_nanos();
        match self {
            Self::Grpc => write_grpc(nanos),
            Self::Seconds => write_units(nanos, NANOS_PER_SECOND),
            Self::Millis => write_units(nanos, 1_000_000),
        }
    }
}

fn parse_grpc(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = hint::trim(value).split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (_, nanos) = GRPC_UNITS.iter().find(|(letter, _)| letter == unit)?;
    let amount = digits
        .iter()
        .fold(0_u128, |sum, digit| sum * 10 + u128::from(digit - b'0'));
    let nanos = amount * nanos;
    // 99,999,999 hours are 3.6e20 ns, more than a u64 holds.
    let seconds = u64::try_from(nanos / NANOS_PER_SECOND).unwrap_or(u64::MAX);
    let rest = u32::try_from(nanos % NANOS_PER_SECOND).unwrap_or(0);
    Some(Duration::new(seconds, rest))
}

fn write_grpc(nanos: u128) -> HeaderValue {
    let (amount, unit) = GRPC_UNITS
        .iter()
        .map(|(letter, unit)| (nanos.div_ceil(*unit), *letter))
        .find(|(amount, _)| *amount <= GRPC_MOST)
        .unwrap_or((GRPC_MOST, b'H'));
    let text = format!("{amount}{}", char::from(unit));
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("99999999H"))
}

fn write_units(nanos: u128, unit: u128) -> HeaderValue {
    HeaderValue::from(u64::try_from(nanos.div_ceil(unit)).unwrap_or(u64::MAX))
}

/// Which header says how much time there is, and how.
#[derive(Clone, Debug)]
pub(crate) struct TimeoutHeader {
    pub(crate) name: HeaderName,
    pub(crate) format: TimeoutFormat,
}

impl TimeoutHeader {
    pub(crate) const GRPC: Self = Self {
        name: HeaderName::from_static("grpc-timeout"),
        format: TimeoutFormat::Grpc,
    };

    /// The smallest time that any value of this header gives.
    pub(crate) fn read(&self, headers: &HeaderMap) -> Option<Duration> {
        let parsed = headers.get_all(&self.name).into_iter().filter_map(|value| {
            let time = self.format.parse(value.as_bytes());
            if time.is_none() {
                events::unreadable(&self.name);
            }
            time
        });
        parsed.min()
    }
}

/// The header in which the time that is left goes on to the provider, noted in the extensions of a
/// request by the deadline layer: every attempt has less of it.
#[derive(Clone, Debug)]
pub(crate) struct Forward(pub(crate) TimeoutHeader);

impl Forward {
    pub(crate) fn write(&self, headers: &mut HeaderMap, left: Duration) {
        headers.insert(self.0.name.clone(), self.0.format.write(left));
    }
}
