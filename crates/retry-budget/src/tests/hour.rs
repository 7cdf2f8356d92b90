//! The rolling hour against a list of everything that was spent.

use std::time::Duration;

use proptest::prelude::*;

use crate::spend::hour::Hour;

const HOUR: Duration = Duration::from_secs(3600);

proptest! {
    #[test]
    fn an_amount_counts_for_an_hour_at_least_and_61_minutes_at_most(
        steps in proptest::collection::vec((0..900_u64, 0..100_u64), 1..100),
    ) {
        let mut hour = Hour::new();
        let mut all = Vec::new();
        let mut now = Duration::ZERO;
        for (seconds, amount) in steps {
            now += Duration::from_secs(seconds);
            hour.add(amount, now);
            all.push((now, amount));
            let within = |span: Duration| -> u64 {
                let recent = all.iter().filter(|(at, _)| now - *at < span);
                recent.map(|(_, amount)| amount).sum()
            };
            let spent = hour.spent(now);
            prop_assert!(within(HOUR) <= spent);
            prop_assert!(spent <= within(HOUR + Duration::from_secs(60)));
        }
    }

    #[test]
    fn a_refund_undoes_exactly_what_is_still_booked(
        first in 0..200_u64, wait in 0..10_000_u64, kept in 0..100_u64, amount in 0..100_u64,
    ) {
        let mut hour = Hour::new();
        let mut now = Duration::from_secs(first);
        let minute = hour.add(amount, now);
        now += Duration::from_secs(wait);
        hour.add(kept, now);
        hour.remove(amount, minute);
        prop_assert_eq!(hour.spent(now), kept);
    }

    #[test]
    fn the_time_left_is_when_there_is_room_and_not_before(
        spends in proptest::collection::vec((0..600_u64, 1..100_u64), 1..50), most in 0..500_u64,
    ) {
        let mut hour = Hour::new();
        let mut now = Duration::ZERO;
        for (seconds, amount) in spends {
            now += Duration::from_secs(seconds);
            hour.add(amount, now);
        }
        let left = hour.until_at_most(most, now);
        if !left.is_zero() {
            let mut early = Hour::clone(&hour);
            prop_assert!(early.spent(now + left.saturating_sub(Duration::from_secs(1))) > most);
        }
        prop_assert!(hour.spent(now + left) <= most);
    }
}
