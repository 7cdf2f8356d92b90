//! gRPC: the status that counts stands in the trailers, or in the head where there is no body.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tower_steady_core::{Outcome, hint};

use crate::classifier::Classifier;
use crate::config::Judge;
use crate::{Facts, Provider};

/// Names and HTTP statuses of the codes 1 to 16, as google/rpc/code.proto maps them.
const CODES: [(&str, u16); 16] = [
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 501),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
    ("UNAUTHENTICATED", 401),
];

/// The status in a head without a body ("Trailers-Only"), if there is one and it is an error.
pub(crate) fn judge_head(
    headers: &HeaderMap,
    rules: &Judge,
    provider: Option<Provider>,
) -> Option<Outcome> {
    judge(headers, rules, provider)?.err()
}

/// What the status in `trailers` means; `None` if there is none.
pub(super) fn judge(
    trailers: &HeaderMap,
    rules: &Judge,
    provider: Option<Provider>,
) -> Option<Result<(), Outcome>> {
    let status = trailers.get("grpc-status")?;
    let code: usize = match status.to_str().ok().and_then(|code| code.parse().ok()) {
        Some(0) => return Some(Ok(())),
        Some(code) => code,
        // Unreadable: gRPC's own rule is UNKNOWN.
        None => 2,
    };
    let (name, status) = CODES.get(code - 1).copied().unwrap_or(CODES[1]);
    let mut facts = Facts::read(StatusCode::OK, trailers, &[], provider)
        .with_code(status)
        .with_id(name);
    if let Some(message) = trailers.get("grpc-message") {
        facts = facts.with_message(percent_decoded(message.as_bytes()));
    }
    let mut outcome = rules.response(&facts);
    // Final by their definition, although the HTTP statuses beside them are not.
    if matches!(name, "ALREADY_EXISTS" | "DATA_LOSS" | "CANCELLED") {
        outcome.transient = false;
    }
    match pushback(trailers) {
        Some(Some(wait)) => outcome.wait_at_least(wait),
        Some(None) => outcome.transient = false,
        None => {}
    }
    Some(Err(outcome))
}

/// The server's own word on retries (gRFC A6), which trailers have too, where no other layer looks:
/// the outer `None` without one, the inner where it says not to retry, be it by a negative value, one
/// that cannot be read, or two.
fn pushback(trailers: &HeaderMap) -> Option<Option<Duration>> {
    let mut values = trailers.get_all("grpc-retry-pushback-ms").iter();
    let value = values.next()?.as_bytes();
    let plain = values.next().is_none() && value.iter().all(u8::is_ascii_digit);
    Some(plain.then(|| hint::millis(value)).flatten())
}

/// `grpc-message` is percent-encoded UTF-8; what is not stays as it is.
fn percent_decoded(text: &[u8]) -> Cow<'_, str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        match rest {
            [b'%', high, low, after @ ..] => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                match (digit(high), digit(low)) {
                    (Some(high), Some(low)) => {
                        bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                        rest = after;
                    }
                    _ => {
                        bytes.push(b'%');
                        rest = &rest[1..];
                    }
                }
            }
            [byte, after @ ..] => {
                bytes.push(*byte);
                rest = after;
            }
            [] => return Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
}
