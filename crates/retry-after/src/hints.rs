//! Every form in which a server says in its headers when it wants us back.
//!
//! Pure and without panics: headers in, a span of time out. The grammar of a span is
//! [`tower_steady_core::hint`]; here is which header counts, and before which.
//!
//! | | header | form | why here |
//! |---|---|---|---|
//! | 1 | `grpc-retry-pushback-ms` | signed integer, ms | gRPC's own and only word ([gRFC A6]): where it stands, nothing else counts. Negative, unreadable or repeated: do not retry |
//! | 2 | `retry-after-ms` | decimal, ms | the exact figure of which `retry-after` is the rounded one (OpenAI, Azure) |
//! | 3 | `retry-after` | decimal seconds, or any of the three HTTP dates | RFC 9110 section 10.2.3; decimals are what providers send |
//! | 4 | `x-amz-retry-after` | decimal, ms | AWS SDKs' "Retry Behavior 2.1" |
//! | 5 | [`Hints::reset`]: `x-ratelimit-reset`, `x-ratelimit-reset-*`, the same spelled `x-rate-limit-*` (Azure) and `ratelimit-reset` | Go duration, seconds, Unix time in seconds or milliseconds, RFC 3339 | when a quota is *full* again, which may be long after one call fits: only if no other hint is there |
//! | | `anthropic-ratelimit-*-reset` | RFC 3339, Unix time | the same; the `unified` family says `-status: rejected` in place of `-remaining: 0` |
//! | | `ratelimit` | `"api";r=0;t=55` | the same (IETF draft-ietf-httpapi-ratelimit-headers) |
//!
//! The first readable one of 1 to 4 counts; one that cannot be read is passed over (1 excepted). What
//! is repeated, in lines of its own or separated by commas, takes the largest readable value: both
//! asked us to wait, and the larger satisfies both. Of the quotas in 5 the longest counts, for the
//! next call needs all of them.
//!
//! A quota counts only where it can be the reason of the refusal: what remains of it is 0, or is not
//! told and the refusal is about a limit (see [`read`]).
//!
//! Values that are no hint: signs, exponents, `inf`, `nan`, hexadecimal, digits outside ASCII,
//! trailing garbage. Values beyond [`hint::MAX_WAIT`] saturate there. A moment in the past is a wait
//! of zero.
//!
//! [gRFC A6]: https://github.com/grpc/proposal/blob/master/A6-client-retries.md

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use tower_steady_core::{Class, hint};

use crate::moment;
use crate::quota::{self, Bare};

/// What the headers of a refusal say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hints {
    /// The wait that the server asked for.
    pub asked: Option<Duration>,
    /// When the quotas that are used up are full again; the weaker word of the two.
    pub reset: Option<Duration>,
    /// False where gRPC pushback forbids another try.
    pub retry: bool,
}

impl Hints {
    /// No hint.
    pub const NONE: Self = Self {
        asked: None,
        reset: None,
        retry: true,
    };

    /// The wait to obey if nobody else named one.
    #[must_use]
    pub fn wait(self) -> Option<Duration> {
        self.asked.or(self.reset)
    }
}

/// Reads the headers of a refusal that came to `class`.
///
/// `now` is the wall clock since the Unix epoch. Dates are measured against the response's own
/// `Date` where it has one, so that a clock that is wrong here does no harm.
///
/// A quota that does not tell what remains of it counts only for `rate_limited`, `overloaded` and
/// `quota_exhausted`: on a 500 or a 400 it is decoration.
///
/// ```
/// use std::time::Duration;
/// use http::HeaderMap;
/// use tower_steady_core::Class;
/// use tower_steady_retry_after::hints;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "Fri, 29 Sep 2023 16:26:57 GMT".parse().unwrap());
/// headers.insert("date", "Fri, 29 Sep 2023 16:26:37 GMT".parse().unwrap());
///
/// let hints = hints::read(Class::RateLimited, &headers, Duration::ZERO);
/// assert_eq!(hints.asked, Some(Duration::from_secs(20)));
/// ```
#[must_use]
pub fn read(class: Class, headers: &HeaderMap, now: Duration) -> Hints {
    if headers.is_empty() {
        return Hints::NONE;
    }
    if let Some(hints) = pushback(headers) {
        return hints;
    }
    let now = date(headers, now);
    let asked = largest(headers, "retry-after-ms", hint::millis)
        .or_else(|| largest(headers, RETRY_AFTER, |value| delay_or_date(value, now)))
        .or_else(|| largest(headers, "x-amz-retry-after", hint::millis));
    let reset = match asked {
        Some(_) => None,
        None => quota::reset(headers, bare(class), now),
    };
    Hints {
        asked,
        reset,
        retry: true,
    }
}

/// When the quotas that are used up are full again, told by any answer, a success too.
///
/// Only quotas count that say themselves that nothing remains of them. `now` as for [`read`].
#[must_use]
pub fn exhausted(headers: &HeaderMap, now: Duration) -> Option<Duration> {
    quota::reset(headers, Bare::Ignored, date(headers, now))
}

fn bare(class: Class) -> Bare {
    match class {
        Class::RateLimited | Class::Overloaded | Class::QuotaExhausted => Bare::Counts,
        _ => Bare::Ignored,
    }
}

/// The response's own clock, else ours.
fn date(headers: &HeaderMap, now: Duration) -> Duration {
    headers
        .get(DATE)
        .and_then(|date| moment::http_date(date.as_bytes(), now))
        .unwrap_or(now)
}

fn pushback(headers: &HeaderMap) -> Option<Hints> {
    let mut values = headers.get_all("grpc-retry-pushback-ms").iter();
    let first = values.next()?;
    let asked = match values.next() {
        None => pushback_millis(first.as_bytes()),
        Some(_) => None,
    };
    Some(Hints {
        asked,
        reset: None,
        retry: asked.is_some(),
    })
}

/// An integer in ASCII digits: gRPC has neither fractions nor a plus sign.
fn pushback_millis(value: &[u8]) -> Option<Duration> {
    let digits = value.iter().all(u8::is_ascii_digit);
    digits.then(|| hint::millis(value))?
}

/// The largest of all readable values of all lines of `name`.
fn largest(
    headers: &HeaderMap,
    name: impl http::header::AsHeaderName,
    parse: impl Fn(&[u8]) -> Option<Duration>,
) -> Option<Duration> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|line| largest_member(line.as_bytes(), &parse))
        .max()
}

/// The largest of the comma-separated members. A date has a comma of its own, so two members that
/// say nothing apart are tried together.
fn largest_member(line: &[u8], parse: impl Fn(&[u8]) -> Option<Duration>) -> Option<Duration> {
    let mut longest = None;
    let mut rest = line;
    loop {
        let comma = position(rest, 0);
        let end = comma.unwrap_or(rest.len());
        let mut next = comma;
        match parse(&rest[..end]) {
            Some(wait) => longest = longest.max(Some(wait)),
            None => {
                if let Some(comma) = comma {
                    let second = position(rest, comma + 1);
                    let both = parse(&rest[..second.unwrap_or(rest.len())]);
                    if both.is_some() {
                        longest = longest.max(both);
                        next = second;
                    }
                }
            }
        }
        match next {
            Some(comma) => rest = &rest[comma + 1..],
            None => return longest,
        }
    }
}

fn position(value: &[u8], from: usize) -> Option<usize> {
    let comma = value[from..].iter().position(|byte| *byte == b',')?;
    Some(from + comma)
}

fn delay_or_date(value: &[u8], now: Duration) -> Option<Duration> {
    hint::seconds(value).or_else(|| Some(hint::until(moment::http_date(value, now)?, now)))
}
