//! Every form of a hint, value by value.

use std::time::Duration;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use tower_steady_core::Class;
use tower_steady_core::hint::MAX_WAIT;
use tower_steady_retry_after::hints::{self, Hints};

/// Fri, 29 Sep 2023 16:26:37 GMT
const NOW: Duration = Duration::from_secs(1_696_004_797);

/// `name: value` lines, as bytes so that values outside ASCII can be written.
fn headers(lines: &[(&str, &[u8])]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_bytes(value).unwrap(),
            )
        })
        .collect()
}

fn wait(lines: &[(&str, &[u8])]) -> Option<Duration> {
    hints::read(Class::RateLimited, &headers(lines), NOW).wait()
}

#[track_caller]
fn check(lines: &[(&str, &str)], expected_ms: Option<u64>) {
    let lines: Vec<_> = lines
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let expected = expected_ms.map(Duration::from_millis);
    assert_eq!(wait(&lines), expected, "{lines:?}");
}

fn check_all(name: &str, rows: &[(&str, Option<u64>)]) {
    for (value, expected) in rows {
        check(&[(name, value)], *expected);
    }
}

const MAX_MS: u64 = (1 << 31) * 1000;

#[test]
fn retry_after_takes_decimal_seconds() {
    assert_eq!(MAX_WAIT, Duration::from_millis(MAX_MS));
    check_all(
        "retry-after",
        &[
            ("20", Some(20_000)),
            ("0", Some(0)),
            ("60", Some(60_000)),
            ("120", Some(120_000)),
            ("007", Some(7_000)),
            ("13262", Some(13_262_000)),
            ("1.5", Some(1_500)),
            ("0.0004", Some(1)),
            (" 20 ", Some(20_000)),
            ("\t5\t", Some(5_000)),
            ("4294967296", Some(MAX_MS)),
            ("99999999999999999999999999999999999", Some(MAX_MS)),
        ],
    );
}

#[test]
fn retry_after_that_is_no_number_is_no_hint() {
    check_all(
        "retry-after",
        &[
            ("", None),
            ("-0", None),
            ("-1", None),
            ("+5", None),
            (".5", None),
            ("5.", None),
            ("1e3", None),
            ("0x10", None),
            ("inf", None),
            ("Infinity", None),
            ("-inf", None),
            ("nan", None),
            ("NaN", None),
            ("1_000", None),
            ("5abc", None),
            ("5s", None),
            ("\"5\"", None),
            ("soon", None),
            ("null", None),
            ("undefined", None),
            ("PT20S", None),
            ("2023-09-29T16:26:57Z", None),
        ],
    );
}

#[test]
fn retry_after_outside_ascii_is_no_hint() {
    // A fullwidth five, and a 20 followed by a no-break space.
    for value in [&b"\xef\xbc\x95"[..], b"20\xc2\xa0", b"\xd9\xa5"] {
        assert_eq!(wait(&[("retry-after", value)]), None, "{value:?}");
    }
}

#[test]
fn retry_after_takes_all_three_forms_of_a_date() {
    check_all(
        "retry-after",
        &[
            ("Fri, 29 Sep 2023 16:26:57 GMT", Some(20_000)),
            ("Fri, 29 Sep 2023 16:28:38 GMT", Some(121_000)),
            ("Friday, 29-Sep-23 16:26:57 GMT", Some(20_000)),
            ("Fri Sep 29 16:26:57 2023", Some(20_000)),
            ("Sun Oct  1 16:26:37 2023", Some(172_800_000)),
            (" Fri, 29 Sep 2023 16:26:57 GMT ", Some(20_000)),
            // Passed, this moment, and the end of the calendar.
            ("Fri, 29 Sep 2023 16:26:36 GMT", Some(0)),
            ("Fri, 29 Sep 2023 16:26:37 GMT", Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(MAX_MS)),
        ],
    );
}

#[test]
fn a_date_that_does_not_exist_is_no_hint() {
    check_all(
        "retry-after",
        &[
            ("Mon, 29 Sep 2023 16:26:57 GMT", None),
            ("Fri, 29 Sep 2023 09:26:57 -0700", None),
            ("Fri, 29 Sep 2023 16:26:57 +0000", None),
            ("Fri, 29 Sep 2023 16:26:57", None),
            ("fri, 29 sep 2023 16:26:57 gmt", None),
            ("Fri, 30 Feb 2023 16:26:57 GMT", None),
            ("Fri, 29 Sep 2023 25:61:61 GMT", None),
            ("Fri, 29 Sep 2023 16:26:60 GMT", None),
            ("Fri, 31 Dec 10000 23:59:59 GMT", None),
            ("Zun, 29 Sep 2023 16:26:57 GMT", None),
            ("Friday, 29-Sep-2023 16:26:57 GMT", None),
            ("Fri, 29-Sep-23 16:26:57 GMT", None),
            ("Friday, --Sep-23 16:26:57 GMT", None),
        ],
    );
}

/// RFC 9110 section 5.6.7: a year that appears to be more than 50 years in the future is the most
/// recent one in the past with the same last two digits.
#[test]
fn two_digits_of_a_year_reach_fifty_years_ahead() {
    check_all(
        "retry-after",
        &[
            // 2094 would be 71 years ahead: 1994, which has passed.
            ("Thursday, 29-Sep-94 16:26:57 GMT", Some(0)),
            // 2073 is 50 years ahead. A fixed pivot at 70 takes it for 1973.
            ("Friday, 29-Sep-73 16:26:37 GMT", Some(1_577_923_200_000)),
            // 1974, for 2074 is 51 years ahead.
            ("Sunday, 29-Sep-74 16:26:37 GMT", Some(0)),
            ("Friday, 29-Sep-00 16:26:37 GMT", Some(0)),
        ],
    );
    // In 2099 the year 05 is the one that comes, not the one that was.
    let new_years_eve = Duration::from_secs(4_102_358_400);
    let lines = headers(&[("retry-after", b"Thursday, 01-Jan-05 00:00:00 GMT")]);
    let hints = hints::read(Class::RateLimited, &lines, new_years_eve);
    assert!(
        hints.asked > Some(Duration::from_secs(4 * 365 * 86_400)),
        "{hints:?}"
    );
}

#[test]
fn dates_are_measured_against_the_servers_own_clock() {
    // Its clock is an hour behind ours.
    check(
        &[
            ("date", "Fri, 29 Sep 2023 15:26:37 GMT"),
            ("retry-after", "Fri, 29 Sep 2023 15:26:57 GMT"),
        ],
        Some(20_000),
    );
    // A date that cannot be read is none.
    check(
        &[
            ("date", "yesterday"),
            ("retry-after", "Fri, 29 Sep 2023 16:26:57 GMT"),
        ],
        Some(20_000),
    );
    check(
        &[
            ("date", "Fri, 29 Sep 2023 16:26:47 GMT"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2023-09-29T16:27:00Z"),
        ],
        Some(13_000),
    );
}

#[test]
fn what_is_repeated_takes_the_largest_readable_value() {
    check(&[("retry-after", "2"), ("retry-after", "30")], Some(30_000));
    check(&[("retry-after", "30"), ("retry-after", "2")], Some(30_000));
    check(
        &[("retry-after", "soon"), ("retry-after", "20")],
        Some(20_000),
    );
    check_all(
        "retry-after",
        &[
            ("2, 30", Some(30_000)),
            ("1,5", Some(5_000)),
            ("20, soon", Some(20_000)),
            (", 20,", Some(20_000)),
            ("20, Fri, 29 Sep 2023 16:27:37 GMT", Some(60_000)),
            ("Fri, 29 Sep 2023 16:27:37 GMT, 20", Some(60_000)),
            (
                "Fri, 29 Sep 2023 16:26:47 GMT, Fri, 29 Sep 2023 16:26:57 GMT",
                Some(20_000),
            ),
            (",,,", None),
        ],
    );
}

#[test]
fn milliseconds_come_before_seconds() {
    check_all(
        "retry-after-ms",
        &[
            ("1243", Some(1_243)),
            ("1500.2", Some(1_501)),
            ("250 ", Some(250)),
            ("120001", Some(120_001)),
            ("0", Some(0)),
            ("inf", None),
            ("-5", None),
            ("99999999999999999999", Some(MAX_MS)),
        ],
    );
    check(
        &[("retry-after-ms", "1243"), ("retry-after", "2")],
        Some(1_243),
    );
    for unreadable in ["abc", "", "-5", "inf", "1e3"] {
        check(
            &[("retry-after-ms", unreadable), ("retry-after", "7")],
            Some(7_000),
        );
    }
}

#[test]
fn aws_writes_milliseconds_and_comes_after_retry_after() {
    check_all("x-amz-retry-after", &[("1500", Some(1_500)), ("-1", None)]);
    check(
        &[("x-amz-retry-after", "1500"), ("retry-after", "1")],
        Some(1_000),
    );
    check(
        &[("x-amz-retry-after", "1500"), ("retry-after", "later")],
        Some(1_500),
    );
}

#[test]
fn a_quota_that_is_used_up_counts() {
    for (value, expected) in [
        ("20ms", Some(20)),
        ("12s", Some(12_000)),
        ("6m0s", Some(360_000)),
        ("23h47m36.648s", Some(85_656_648)),
        ("1m26.4s", Some(86_400)),
        ("30", Some(30_000)),
        ("1.25", Some(1_250)),
        ("1696004000", Some(0)),
        ("1696004827", Some(30_000)),
        ("1696004827500", Some(30_500)),
        ("2023-09-29T16:27:00Z", Some(23_000)),
        ("-1s", None),
        ("20 minutes", None),
        ("1m26", None),
    ] {
        check(
            &[
                ("x-ratelimit-reset-requests", value),
                ("x-ratelimit-remaining-requests", "0"),
            ],
            expected,
        );
    }
    let micro = headers(&[
        ("x-ratelimit-reset-requests", "500\u{b5}s".as_bytes()),
        ("x-ratelimit-remaining-requests", b"0"),
    ]);
    let hints = hints::read(Class::RateLimited, &micro, NOW);
    assert_eq!(hints.wait(), Some(Duration::from_millis(1)));
}

#[test]
fn a_quota_with_something_left_is_not_the_reason() {
    for left in ["999", "1", "0.5", "-1", "many"] {
        check(
            &[
                ("x-ratelimit-reset-requests", "1m26.4s"),
                ("x-ratelimit-remaining-requests", left),
            ],
            None,
        );
    }
    check(
        &[
            ("anthropic-ratelimit-tokens-reset", "2023-09-29T16:27:00Z"),
            ("anthropic-ratelimit-tokens-remaining", "16000"),
        ],
        None,
    );
    // What is left of one limit says nothing of another.
    check(
        &[
            ("x-ratelimit-reset-requests", "1m26.4s"),
            ("x-ratelimit-remaining-requests", "999"),
            ("x-ratelimit-reset-tokens", "56s"),
            ("x-ratelimit-remaining-tokens", "0"),
        ],
        Some(56_000),
    );
}

#[test]
fn the_longest_of_the_quotas_that_are_used_up_counts() {
    check(
        &[
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-tokens", "56s"),
            ("x-ratelimit-remaining-tokens", "0"),
        ],
        Some(56_000),
    );
}

#[test]
fn a_quota_that_does_not_tell_what_is_left_counts_on_a_refusal_about_limits() {
    for (name, value, expected) in [
        ("x-rate-limit-reset-tokens", "55", 55_000),
        ("x-ratelimit-reset", "30", 30_000),
        ("x-ratelimit-reset", "1696004827", 30_000),
        ("ratelimit-reset", "50", 50_000),
        ("ratelimit", "\"api\";t=55", 55_000),
    ] {
        check(&[(name, value)], Some(expected));
        let lines = headers(&[(name, value.as_bytes())]);
        for class in [Class::ServerError, Class::InvalidRequest, Class::Timeout] {
            assert_eq!(
                hints::read(class, &lines, NOW),
                Hints::NONE,
                "{name} {class}"
            );
        }
        assert_eq!(hints::exhausted(&lines, NOW), None, "{name} on a success");
    }
}

#[test]
fn a_quota_that_says_it_is_used_up_counts_on_any_answer() {
    let lines = headers(&[("ratelimit-reset", b"50"), ("ratelimit-remaining", b"0")]);
    let hints = hints::read(Class::ServerError, &lines, NOW);
    assert_eq!(hints.reset, Some(Duration::from_secs(50)));
    assert_eq!(hints::exhausted(&lines, NOW), Some(Duration::from_secs(50)));
}

#[test]
fn a_quota_is_the_weakest_word() {
    check(
        &[
            ("retry-after", "5"),
            ("x-ratelimit-reset-tokens", "6m0s"),
            ("x-ratelimit-remaining-tokens", "0"),
        ],
        Some(5_000),
    );
}

#[test]
fn anthropic_writes_timestamps() {
    for (value, expected) in [
        ("2023-09-29T16:27:00Z", Some(23_000)),
        ("2023-09-29T16:26:37.5Z", Some(500)),
        ("2023-09-29T16:26:37.0000000001Z", None),
        ("2023-09-29T18:27:00+02:00", Some(23_000)),
        ("2023-09-29t16:27:00z", Some(23_000)),
        ("2023-09-29T16:20:00Z", Some(0)),
        ("9999-12-30T00:00:00Z", Some(MAX_MS)),
        ("2023-09-29 16:27:00Z", None),
        ("2023-09-29T16:27:00", None),
        ("2023-09-31T16:27:00Z", None),
        ("tomorrow", None),
    ] {
        check(
            &[
                ("anthropic-ratelimit-requests-reset", value),
                ("anthropic-ratelimit-requests-remaining", "0"),
            ],
            expected,
        );
    }
}

#[test]
fn anthropics_unified_family_tells_by_status() {
    for (status, expected) in [
        ("rejected", Some(7_203_000)),
        ("allowed", None),
        ("allowed_warning", None),
    ] {
        check(
            &[
                ("anthropic-ratelimit-unified-reset", "1696012000"),
                ("anthropic-ratelimit-unified-status", status),
            ],
            expected,
        );
    }
    // The five hours are used up, the week is not.
    check(
        &[
            ("anthropic-ratelimit-unified-status", "rejected"),
            ("anthropic-ratelimit-unified-5h-status", "rejected"),
            ("anthropic-ratelimit-unified-5h-reset", "1696012000"),
            ("anthropic-ratelimit-unified-7d-status", "allowed"),
            ("anthropic-ratelimit-unified-7d-reset", "1696500000"),
        ],
        Some(7_203_000),
    );
}

#[test]
fn the_ratelimit_field_is_read_in_all_its_drafts() {
    check_all(
        "ratelimit",
        &[
            ("\"api\";r=0;t=55", Some(55_000)),
            ("\"api\"; r=0; t=55", Some(55_000)),
            ("\"api\";r=10;t=55", None),
            ("default;r=0;t=55", Some(55_000)),
            ("\"minute\";r=0;t=5, \"day\";r=100;t=50000", Some(5_000)),
            ("\"minute\";r=0;t=5, \"hour\";r=0;t=50", Some(50_000)),
            ("\"a,b;r=1;t=9\";r=0;t=55", Some(55_000)),
            ("\"a\\\",b\";r=0;t=55", Some(55_000)),
            ("\"unclosed;r=0;t=55", None),
            ("limit=100, remaining=0, reset=50", Some(50_000)),
            ("limit=100, remaining=7, reset=50", None),
            ("\"api\";r=0", None),
            ("\"api\";r=0;t=soon", None),
            ("", None),
        ],
    );
}

/// gRFC A6: unreadable, negative and repeated pushback all mean that there is no retry.
#[test]
fn grpc_pushback_may_forbid_the_retry() {
    for (values, asked, retry) in [
        (&["1500"][..], Some(1_500), true),
        (&["0"], Some(0), true),
        (&["-1"], None, false),
        (&["-9223372036854775808"], None, false),
        (&["soon"], None, false),
        (&[""], None, false),
        (&["1.5"], None, false),
        (&["+5"], None, false),
        (&["5", "6"], None, false),
        (&["5", "5"], None, false),
    ] {
        let mut lines: Vec<_> = values
            .iter()
            .map(|value| ("grpc-retry-pushback-ms", value.as_bytes()))
            .collect();
        // It is the only word where it stands.
        lines.push(("retry-after", b"20"));
        let hints = hints::read(Class::Overloaded, &headers(&lines), NOW);
        assert_eq!(hints.asked, asked.map(Duration::from_millis), "{values:?}");
        assert_eq!(hints.retry, retry, "{values:?}");
    }
}

#[test]
fn no_header_is_no_hint() {
    assert_eq!(
        hints::read(Class::RateLimited, &HeaderMap::new(), NOW),
        Hints::NONE
    );
    check(&[("content-type", "application/json")], None);
}
