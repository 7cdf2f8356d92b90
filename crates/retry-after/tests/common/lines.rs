//! What holds for the hints in any headers whatever. Run by proptest and by the fuzz target.

use std::time::Duration;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use tower_steady_core::Class;
use tower_steady_core::hint::MAX_WAIT;
use tower_steady_retry_after::hints;

pub(crate) const NAMES: [&str; 16] = [
    "retry-after",
    "retry-after-ms",
    "x-amz-retry-after",
    "grpc-retry-pushback-ms",
    "date",
    "ratelimit",
    "ratelimit-reset",
    "ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-remaining-requests",
    "x-rate-limit-reset-tokens",
    "anthropic-ratelimit-tokens-reset",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-unified-reset",
    "anthropic-ratelimit-unified-status",
];

/// Takes `data` as lines, of which the first byte chooses the header.
pub(crate) fn check(data: &[u8], now_secs: u64) {
    let lines: Vec<_> = data
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let (first, value) = line.split_first()?;
            let name = NAMES[usize::from(*first) % NAMES.len()];
            Some((name, HeaderValue::from_bytes(value).ok()?))
        })
        .collect();
    let forwards = headers(lines.iter());
    let backwards = headers(lines.iter().rev());
    let now = Duration::from_secs(now_secs);
    for class in [Class::RateLimited, Class::ServerError] {
        let hints = hints::read(class, &forwards, now);
        assert!(hints.wait() <= Some(MAX_WAIT));
        assert!(
            hints
                .wait()
                .is_none_or(|wait| wait.subsec_nanos() % 1_000_000 == 0)
        );
        // More cannot be asked for by saying it in another order. A response has one date.
        if forwards.get_all("date").iter().count() < 2
            && forwards
                .get_all("anthropic-ratelimit-unified-status")
                .iter()
                .count()
                < 2
        {
            assert_eq!(hints, hints::read(class, &backwards, now));
        }
        assert!(hints.retry || hints.wait().is_none());
    }
    assert!(hints::exhausted(&forwards, now) <= Some(MAX_WAIT));
}

fn headers<'a>(lines: impl Iterator<Item = &'a (&'static str, HeaderValue)>) -> HeaderMap {
    lines
        .map(|(name, value)| (HeaderName::from_static(name), value.clone()))
        .collect()
}
