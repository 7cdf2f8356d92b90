//! The grammar of waits, value by value.

use std::time::Duration;

use tower_steady_core::hint::{self, MAX_WAIT};

fn ms(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

#[test]
fn seconds_are_digits_with_an_optional_fraction() {
    for (value, expected) in [
        ("20", ms(20_000)),
        ("0", ms(0)),
        ("007", ms(7_000)),
        (" 20 ", ms(20_000)),
        ("\t5\t", ms(5_000)),
        ("1.5", ms(1_500)),
        ("0.0004", ms(1)),
        ("0.0000000001", ms(1)),
        ("1.0010000000000001", ms(1_002)),
        ("99999999999999999999999999999999999", Some(MAX_WAIT)),
        ("", None),
        (".5", None),
        ("5.", None),
        ("-0", None),
        ("+5", None),
        ("inf", None),
        ("nan", None),
        ("1e3", None),
        ("0x10", None),
        ("1_000", None),
        ("5abc", None),
        ("20\u{a0}", None),
        ("\u{ff15}", None),
    ] {
        assert_eq!(hint::seconds(value.as_bytes()), expected, "{value:?}");
    }
}

#[test]
fn go_durations_keep_minutes_and_milliseconds_apart() {
    for (value, expected) in [
        ("20ms", ms(20)),
        ("1s", ms(1_000)),
        ("6m0s", ms(360_000)),
        ("23h47m36.648s", ms(85_656_648)),
        ("9m38.016s", ms(578_016)),
        ("500\u{b5}s", ms(1)),
        ("34.074824224s", ms(34_075)),
        ("315576000001s", Some(MAX_WAIT)),
        ("-1s", None),
        ("20", None),
        ("s", None),
        ("1m20", None),
    ] {
        assert_eq!(hint::go_duration(value.as_bytes()), expected, "{value:?}");
    }
}

#[test]
fn a_bare_reset_is_told_apart_by_its_size() {
    let now = Duration::from_secs(1_696_004_797);
    for (value, expected) in [
        ("30", ms(30_000)),
        ("1696004000", ms(0)),
        ("1696004800", ms(3_000)),
        ("1696004800500", ms(3_500)),
        ("999999999", ms(999_999_999_000)),
        ("99999999999999999999", Some(MAX_WAIT)),
        ("soon", None),
    ] {
        assert_eq!(hint::reset(value.as_bytes(), now), expected, "{value:?}");
    }
}
