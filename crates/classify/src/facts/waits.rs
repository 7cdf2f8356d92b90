//! Waits in sentences: "Please try again in 7m12s", "retry after 20 seconds", "replenished in 02:44:53".

use std::time::Duration;

use tower_steady_core::hint;

/// What stands before a stated wait.
pub(super) const BEFORE: [&str; 16] = [
    "again in",
    "again after",
    "your request in",
    "your request after",
    "retry in",
    "retry after",
    "retrying in",
    "retry-after",
    "please wait",
    "wait for",
    "resets in",
    "resets after",
    "reset in",
    "reset after",
    "replenished in",
    "available in",
];

/// Words that may stand between it and the number.
const BETWEEN: [&[u8]; 7] = [
    b" ",
    b":",
    b"about ",
    b"approximately ",
    b"at least ",
    b"another ",
    b"~",
];

/// The wait at the start of `text`, past what may stand between.
pub(super) fn spoken(mut text: &[u8]) -> Option<Duration> {
    while let Some(rest) = BETWEEN.iter().find_map(|word| strip(text, word)) {
        text = rest;
    }
    clock(text).or_else(|| sum(text))
}

fn strip<'t>(text: &'t [u8], word: &[u8]) -> Option<&'t [u8]> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

/// `HH:MM:SS`.
fn clock(text: &[u8]) -> Option<Duration> {
    let end = text
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b':'))
        .unwrap_or(text.len());
    let mut parts = text[..end].split(|byte| *byte == b':').map(|part| {
        let short = (1..=3).contains(&part.len());
        hint::seconds(part).filter(|_| short)
    });
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    parts
        .next()
        .is_none()
        .then(|| hours * 3600 + minutes * 60 + seconds)
}

/// `1 hour, 3 minutes and 20 seconds`, `7m12s`, `20 s`.
fn sum(mut text: &[u8]) -> Option<Duration> {
    let mut total: Option<Duration> = None;
    while let Some((part, rest)) = part(text) {
        total = Some(total.unwrap_or_default().saturating_add(part));
        text = rest.trim_ascii_start();
        for word in [b"," as &[u8], b"and "] {
            text = strip(text, word).unwrap_or(text).trim_ascii_start();
        }
    }
    total.map(|total| total.min(hint::MAX_WAIT))
}

fn part(text: &[u8]) -> Option<(Duration, &[u8])> {
    if let Some((wait, rest)) = hint::leading_go_duration(text)
        && !rest.first().is_some_and(u8::is_ascii_alphabetic)
    {
        return Some((wait, rest));
    }
    let digits = text
        .iter()
        .position(|byte| !byte.is_ascii_digit() && *byte != b'.')?;
    let (number, rest) = text.split_at(digits);
    let number = hint::seconds(number)?;
    let rest = rest.trim_ascii_start();
    let letters = rest
        .iter()
        .position(|byte| !byte.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    let rest = rest.strip_prefix(b"(s)").unwrap_or(rest);
    let wait = match unit.to_ascii_lowercase().as_slice() {
        b"ms" | b"millisecond" | b"milliseconds" => {
            Duration::from_millis(u64::try_from(number.as_millis().div_ceil(1000)).ok()?)
        }
        b"s" | b"sec" | b"secs" | b"second" | b"seconds" => number,
        b"m" | b"min" | b"mins" | b"minute" | b"minutes" => number.saturating_mul(60),
        b"h" | b"hr" | b"hrs" | b"hour" | b"hours" => number.saturating_mul(3600),
        b"d" | b"day" | b"days" => number.saturating_mul(86_400),
        _ => return None,
    };
    Some((wait, rest))
}

#[cfg(test)]
mod tests {
    use super::super::phrases::Said;

    #[test]
    fn waits_are_read_as_they_are_spoken() {
        for (message, millis) in [
            ("Please try again in 6ms.", Some(6)),
            ("Please try again in 9m38.016s. Visit", Some(578_016)),
            ("try again in 1h2m3s.", Some(3_723_000)),
            ("Please retry after 86400 seconds.", Some(86_400_000)),
            ("please try again after 1 seconds", Some(1_000)),
            ("Quota will be replenished in 02:44:53.", Some(9_893_000)),
            ("Your quota will reset after 19h14m47s.", Some(69_287_000)),
            ("Please wait 60 seconds before retrying.", Some(60_000)),
            (
                "resets in 1 hour, 3 minutes and 20 seconds",
                Some(3_800_000),
            ),
            ("retry in about 5 min", Some(300_000)),
            ("retry in 60 second(s)", Some(60_000)),
            ("retry in 2 days", Some(172_800_000)),
            ("Available again in 42 seconds.", Some(42_000)),
            ("Please retry your request after 8s.", Some(8_000)),
            ("try again in a few minutes", None),
            ("try again in 5", None),
            ("try again in 5 apples", None),
            ("try again in -5s", None),
            ("the text 'try again in 20s' is not ours", None),
            (
                "try again in 99999999999999999999h",
                Some(2_147_483_648_000),
            ),
        ] {
            let said = Said::in_messages([message].into_iter());
            let wait = said.wait.map(|wait| wait.as_millis());
            assert_eq!(wait, millis, "{message}");
        }
    }
}
