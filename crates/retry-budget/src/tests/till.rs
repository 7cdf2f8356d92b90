//! A till by itself: what fits, what does not, and that nothing is lost or made between.

use crate::till::{Content, Till};

const MOST: u64 = u32::MAX as u64;

fn till(tokens: u64, room: u64) -> Till {
    let till = Till::new();
    assert_eq!(till.top_up(tokens), tokens);
    assert!(till.fill(tokens));
    assert_eq!(till.top_up(room), room);
    till
}

#[test]
fn places_are_filled_and_emptied_as_a_whole_or_not_at_all() {
    type Case = ((u64, u64), fn(&Till, u64) -> bool, u64, bool, (u32, u32));
    // (tokens, room), what is done with how much, whether it is, (tokens, room)
    let cases: [Case; 10] = [
        ((0, 0), Till::fill, 0, true, (0, 0)),
        ((0, 0), Till::fill, 1, false, (0, 0)),
        ((2, 3), Till::fill, 3, true, (5, 0)),
        ((2, 3), Till::fill, 4, false, (2, 3)),
        ((2, 3), Till::spend, 2, true, (0, 5)),
        ((2, 3), Till::spend, 3, false, (2, 3)),
        ((0, MOST), Till::fill, MOST, true, (u32::MAX, 0)),
        ((MOST, 0), Till::spend, MOST, true, (0, u32::MAX)),
        ((0, MOST), Till::fill, MOST + 1, false, (0, u32::MAX)),
        ((MOST, 0), Till::spend, u64::MAX, false, (u32::MAX, 0)),
    ];
    for ((tokens, room), act, amount, done, after) in cases {
        let till = till(tokens, room);
        assert_eq!(act(&till, amount), done, "{tokens} {room} {amount}");
        let (tokens, room) = after;
        assert_eq!(till.empty(), Content { tokens, room });
    }
}

#[test]
fn it_is_topped_up_to_what_is_wanted_and_fits() {
    for (tokens, room, wanted, taken) in [
        (0, 0, 5, 5),
        (2, 3, 5, 2),
        (2, 5, 5, 0),
        (2, 7, 5, 0),
        (0, 0, u64::MAX, MOST),
        (MOST - 1, 0, 5, 1),
        (MOST, 0, 5, 0),
    ] {
        let till = till(tokens, room);
        assert_eq!(till.top_up(wanted), taken, "{tokens} {room} {wanted}");
        assert_eq!(till.recall(), room + taken);
        assert_eq!(till.tokens(), tokens);
    }
}
