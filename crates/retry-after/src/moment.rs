//! Moments in time as servers write them, as spans since the Unix epoch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tower_steady_core::hint;

/// An HTTP date in any of the three forms that a recipient must accept (RFC 9110 section 5.6.7).
///
/// `now` resolves the two-digit year of the obsolete RFC 850 form.
pub(crate) fn http_date(value: &[u8], now: Duration) -> Option<Duration> {
    let text = std::str::from_utf8(hint::trim(value)).ok()?;
    match rfc850(text, now) {
        Some(fixdate) => parse(&fixdate),
        None => parse(text),
    }
}

/// A timestamp of RFC 3339, with any offset and up to nine decimals.
pub(crate) fn rfc3339(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(hint::trim(value)).ok()?;
    // The parser is more liberal than the RFC: it also takes a space for the T and other ISO 8601
    // forms. Nobody sends those, and a form that is understood by chance is no hint.
    let separated = text
        .as_bytes()
        .get(10)
        .is_some_and(|byte| matches!(byte, b'T' | b't'));
    if !separated {
        return None;
    }
    let moment: jiff::Timestamp = text.parse().ok()?;
    since_epoch(moment.into())
}

/// The wall clock.
pub(crate) fn now() -> Duration {
    since_epoch(SystemTime::now()).unwrap_or_default()
}

fn parse(text: &str) -> Option<Duration> {
    since_epoch(httpdate::parse_http_date(text).ok()?)
}

/// A moment before 1970 has passed, like any other that has.
#[expect(
    clippy::unnecessary_wraps,
    reason = "reads as the last step of a chain of options"
)]
fn since_epoch(time: SystemTime) -> Option<Duration> {
    Some(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Rewrites `Sunday, 06-Nov-94 08:49:37 GMT` as the fixdate of the year that is meant: of the years
/// that end in these two digits, the last one that is not more than 50 years in the future.
fn rfc850(text: &str, now: Duration) -> Option<String> {
    const DAYS: [&str; 7] = [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ];
    let (day_name, rest) = text.split_once(", ")?;
    if !DAYS.contains(&day_name) {
        return None;
    }
    let (date, time) = rest.split_once(' ')?;
    let [day, month, year] = date.split('-').collect::<Vec<_>>().try_into().ok()?;
    let short: u64 = match year.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            u64::from(tens - b'0') * 10 + u64::from(ones - b'0')
        }
        _ => return None,
    };
    let latest = year_of(now) + 50;
    let year = latest - (latest % 100 + 100 - short) % 100;
    Some(format!(
        "{}, {day} {month} {year:04} {time}",
        &day_name[..3]
    ))
}

/// The Gregorian year; its mean length is exact enough to tell 50 years from 51.
fn year_of(now: Duration) -> u64 {
    const SECONDS_A_YEAR: u64 = 31_556_952;
    1970 + now.as_secs() / SECONDS_A_YEAR
}
