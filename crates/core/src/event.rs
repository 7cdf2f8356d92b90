//! What the tracing events of all layers have in common: one word for one thing.
//!
//! Each crate's front page lists its events, and the target of every one is the crate's name. These
//! fields mean the same in all of them; one that is not known is left out.
//!
//! | field | means |
//! |---|---|
//! | `class` | what happened, as [`Class::as_str`](crate::Class::as_str) |
//! | `status` | the response's status, a number |
//! | `transient` | whether another try is worth it |
//! | `rule` | the name of the rule that decided the class |
//! | `attempt` | which try of its call, from 1 |
//! | `veto` | why there is no further try, as [`VetoReason::as_str`](crate::VetoReason::as_str) |
//! | `detail` | the veto's figures, for people |
//! | `reason` | why the event happened, one of a few words that its crate's front page lists |
//! | `key` | the key of a keyed layer, as its `Debug` prints it: of [`ByHeader`](crate::key::ByHeader) the header's value, of [`BySecret`](crate::key::BySecret) sixteen bits of its hash |
//! | `name` | the name that a budget was given |
//! | `limit` | the limit that was hit, a number |
//! | `wait_ms` | how long we stay away, or the server asked us to |
//! | `left_ms` | how long something that keeps calls away still lasts |
//! | `elapsed_ms` | how long something took |
//! | `request_id` | the provider's id for the try: but for `key` the only header whose value is ever told |

use std::time::Duration;

/// A span of time as events tell it: whole milliseconds, rounded down.
#[must_use]
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A span in a serialised snapshot, whose field is named for its unit: whole milliseconds, or null.
///
/// # Errors
///
/// The serializer's own.
#[cfg(feature = "serde")]
pub fn serialize_millis<S>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error>
where
    S: serde::Serializer,
{
    serde::Serialize::serialize(&span.map(millis), serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_whole_and_saturate() {
        for (span, expected) in [
            (Duration::ZERO, 0),
            (Duration::from_micros(1_999), 1),
            (Duration::from_secs(90), 90_000),
            (Duration::MAX, u64::MAX),
        ] {
            assert_eq!(millis(span), expected, "{span:?}");
        }
    }
}
