//! What holds for any input, and for any order of events.

#[path = "common/lines.rs"]
mod lines;

use std::time::Duration;

use http::HeaderMap;
use http::header::{HeaderValue, RETRY_AFTER};
use proptest::prelude::*;
use tower_steady_core::Class;
use tower_steady_core::hint::MAX_WAIT;
use tower_steady_retry_after::hints;

/// Pieces of which real and hostile values are made.
const PIECES: &str = "([0-9]{1,25}|0|-|\\+|\\.|,|;|=|:|/| |\\t|\"|ms|s|m|h|us|r=0|t=5|T|Z|inf|nan|0x|e|GMT|\
    Fri, |Friday, |29 Sep 2023 |29-Sep-23 |16:26:57|2023-09-29T|remaining=0|reset=9|rejected|\\x{e9}){0,12}";

proptest! {
    #[test]
    fn hints_hold_for_any_bytes(data in proptest::collection::vec(any::<u8>(), 0..200), now in any::<u64>()) {
        lines::check(&data, now);
    }

    #[test]
    fn hints_hold_for_values_that_look_real(
        values in proptest::collection::vec((0..16_u8, PIECES), 1..6),
        now in prop_oneof![Just(0), Just(1_696_004_797), Just(253_402_300_799), Just(u64::MAX)],
    ) {
        let mut data = Vec::new();
        for (name, value) in values {
            data.push(name);
            data.extend(value.bytes());
            data.push(b'\n');
        }
        lines::check(&data, now);
    }

    /// Every date of the calendar, in all three forms, from any clock.
    #[test]
    fn a_date_is_as_far_as_it_is(now in 0..253_402_300_000_u64, ahead in 0..1_500_000_000_u64) {
        let now = Duration::from_secs(now);
        let then = std::time::UNIX_EPOCH + now + Duration::from_secs(ahead);
        prop_assume!(now.as_secs() + ahead < 253_402_300_800);
        let fixdate = httpdate::fmt_http_date(then);
        let expected = Some(Duration::from_secs(ahead).min(MAX_WAIT));
        for text in [fixdate.clone(), asctime(&fixdate), rfc850(&fixdate)] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(&text).unwrap());
            prop_assert_eq!(hints::read(Class::RateLimited, &headers, now).asked, expected, "{}", text);
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as `Sun Nov  6 08:49:37 1994`.
fn asctime(fixdate: &str) -> String {
    let day = fixdate[5..7]
        .strip_prefix('0')
        .map_or_else(|| fixdate[5..7].to_owned(), |day| format!(" {day}"));
    format!(
        "{} {} {day} {} {}",
        &fixdate[..3],
        &fixdate[8..11],
        &fixdate[17..25],
        &fixdate[12..16]
    )
}

/// The same as `Sunday, 06-Nov-94 08:49:37 GMT`.
fn rfc850(fixdate: &str) -> String {
    let day_name = match &fixdate[..3] {
        "Tue" => "Tuesday",
        "Wed" => "Wednesday",
        "Thu" => "Thursday",
        "Sat" => "Saturday",
        short => &format!("{short}day"),
    };
    format!(
        "{day_name}, {}-{}-{} {}",
        &fixdate[5..7],
        &fixdate[8..11],
        &fixdate[14..16],
        &fixdate[17..]
    )
}
