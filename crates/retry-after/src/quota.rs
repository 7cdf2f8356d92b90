//! Quota headers: how much is left of a limit, and when it is there again.
//!
//! They stand on every answer, so a reset counts only where it can be the reason of the refusal:
//! its own remaining amount is 0, its own status is `rejected`, or it has neither of them and the
//! refusal is about a limit.

use std::time::Duration;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use tower_steady_core::hint;

use crate::moment;

/// Whether a reset counts that says nothing about what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bare {
    Counts,
    Ignored,
}

/// The longest reset among the exhausted limits: the next call needs all of them.
pub(crate) fn reset(headers: &HeaderMap, bare: Bare, now: Duration) -> Option<Duration> {
    headers
        .iter()
        .filter_map(|(name, value)| match Limit::of(name) {
            Some(limit) => limit
                .counts(headers, bare)
                .then(|| moment_or_span(value.as_bytes(), now))?,
            None if name == "ratelimit" => structured(value, bare),
            None => None,
        })
        .max()
}

/// The headers that tell what is left of the limit whose reset this is.
struct Limit {
    remaining: String,
    status: Option<String>,
}

impl Limit {
    /// The limit that `name` is the reset of, if it is one.
    fn of(name: &HeaderName) -> Option<Self> {
        let name = name.as_str();
        for family in ["x-ratelimit", "x-rate-limit", "ratelimit"] {
            let dimension = name
                .strip_prefix(family)
                .and_then(|rest| rest.strip_prefix("-reset"))
                .filter(|rest| rest.is_empty() || rest.starts_with('-'));
            if let Some(dimension) = dimension {
                return Some(Self {
                    remaining: format!("{family}-remaining{dimension}"),
                    status: None,
                });
            }
        }
        let limit = name.strip_suffix("-reset")?;
        limit.strip_prefix("anthropic-ratelimit-")?;
        Some(Self {
            remaining: format!("{limit}-remaining"),
            status: Some(format!("{limit}-status")),
        })
    }

    fn counts(&self, headers: &HeaderMap, bare: Bare) -> bool {
        let status = self.status.as_ref().and_then(|name| headers.get(name));
        if let Some(status) = status {
            return hint::trim(status.as_bytes()) == b"rejected";
        }
        let mut remaining = headers.get_all(&self.remaining).iter().peekable();
        if remaining.peek().is_none() {
            return bare == Bare::Counts;
        }
        remaining.any(|left| hint::seconds(left.as_bytes()) == Some(Duration::ZERO))
    }
}

/// A reset in any of the forms in use: a Go duration, a bare number, a timestamp.
fn moment_or_span(value: &[u8], now: Duration) -> Option<Duration> {
    hint::go_duration(value)
        .or_else(|| hint::reset(value, now))
        .or_else(|| Some(hint::until(moment::rfc3339(value)?, now)))
}

/// The `RateLimit` field of the IETF's drafts: a list of limits, `"api";r=0;t=55`, and in drafts
/// before the eighth one limit, `limit=100, remaining=0, reset=55`.
fn structured(value: &HeaderValue, bare: Bare) -> Option<Duration> {
    let mut longest = None;
    // The early form spreads one limit over the members of the list, so what is left carries over.
    let mut spread = Params::default();
    for member in split_unquoted(value.as_bytes(), b',') {
        let mut own = Params::default();
        for param in split_unquoted(member, b';') {
            own.read(param);
        }
        spread.merge(&own);
        longest = longest.max(own.exhausted(bare));
    }
    longest.or_else(|| spread.early().exhausted(bare))
}

/// What a limit says of itself.
#[derive(Clone, Default)]
struct Params {
    remaining: Option<Duration>,
    reset: Option<Duration>,
    early_remaining: Option<Duration>,
    early_reset: Option<Duration>,
}

impl Params {
    fn read(&mut self, param: &[u8]) {
        let param = hint::trim(param);
        let Some(equals) = param.iter().position(|byte| *byte == b'=') else {
            return;
        };
        let number = hint::seconds(&param[equals + 1..]);
        match &param[..equals] {
            b"r" => self.remaining = number,
            b"t" => self.reset = number,
            b"remaining" => self.early_remaining = number,
            b"reset" => self.early_reset = number,
            _ => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.early_remaining = self.early_remaining.or(other.early_remaining);
        self.early_reset = self.early_reset.or(other.early_reset);
    }

    fn early(self) -> Self {
        Self {
            remaining: self.early_remaining,
            reset: self.early_reset,
            ..Self::default()
        }
    }

    fn exhausted(&self, bare: Bare) -> Option<Duration> {
        let empty = match self.remaining {
            Some(left) => left.is_zero(),
            None => bare == Bare::Counts,
        };
        self.reset.filter(|_| empty)
    }
}

/// Splits at `separator`, but not inside a quoted string.
fn split_unquoted(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    value.split(move |byte| {
        let literal = std::mem::take(&mut escaped);
        match byte {
            b'\\' if quoted && !literal => escaped = true,
            b'"' if !literal => quoted = !quoted,
            _ => {}
        }
        *byte == separator && !quoted
    })
}
