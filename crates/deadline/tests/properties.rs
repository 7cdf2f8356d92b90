//! Header grammar and timers against their definition, over random input.

use std::time::Duration;

use proptest::prelude::*;
use tower_steady_deadline::TimeoutFormat;

const FORMATS: [TimeoutFormat; 3] = [
    TimeoutFormat::Grpc,
    TimeoutFormat::Seconds,
    TimeoutFormat::Millis,
];

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        any::<u64>().prop_map(Duration::from_nanos),
        any::<u64>().prop_map(Duration::from_secs),
        (0..100_000_u64).prop_map(Duration::from_millis),
    ]
}

proptest! {
    #[test]
    fn any_bytes_can_be_read_without_a_panic(value in prop::collection::vec(any::<u8>(), 0..24)) {
        for format in FORMATS {
            let _ = format.parse(&value);
        }
    }

    #[test]
    fn grpc_timeouts_are_one_to_eight_digits_and_a_unit(value in "[0-9]{0,10}[HMSmunsh ]?") {
        let (digits, unit) = value.trim().split_at(value.trim().bytes().take_while(u8::is_ascii_digit).count());
        let nanos: Option<u128> = match unit {
            "H" => Some(3_600_000_000_000),
            "M" => Some(60_000_000_000),
            "S" => Some(1_000_000_000),
            "m" => Some(1_000_000),
            "u" => Some(1_000),
            "n" => Some(1),
            _ => None,
        };
        let expected = nanos
            .filter(|_| (1..=8).contains(&digits.len()))
            .map(|nanos| digits.parse::<u128>().unwrap() * nanos);
        let parsed = TimeoutFormat::Grpc.parse(value.as_bytes()).map(|time| time.as_nanos());
        prop_assert_eq!(parsed, expected);
    }

    /// Never shorter, so that the provider does not give up before us, and at most one unit longer, which
    /// is below a hundred-thousandth where eight digits set it.
    #[test]
    fn what_is_written_reads_as_no_less(left in span()) {
        for format in FORMATS {
            let value = format.write(left);
            let read = format.parse(value.as_bytes()).unwrap();
            let most = match format {
                TimeoutFormat::Grpc => Duration::from_secs(99_999_999 * 3600),
                _ => tower_steady_core::hint::MAX_WAIT,
            };
            prop_assert!(read >= left.min(most), "{format:?} {left:?} {value:?}");
            let unit = match format {
                TimeoutFormat::Grpc => (left / 99_999).max(Duration::from_nanos(1)),
                TimeoutFormat::Millis => Duration::from_millis(1),
                _ => Duration::from_secs(1),
            };
            prop_assert!(read <= left.saturating_add(unit), "{format:?} {left:?} {value:?}");
            if format == TimeoutFormat::Grpc {
                prop_assert!(value.len() <= 9);
            }
        }
    }
}
