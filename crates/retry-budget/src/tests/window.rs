//! The leaky bucket against the vectors of twitter-util's `TokenBucketTest`.

use std::time::Duration;

use crate::window::Window;

const TTL: Duration = Duration::from_secs(3);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn v30_deposits_expire() {
    let mut window = Window::new(TTL, 0);
    window.deposit(100, at(0));
    assert!(window.withdraw(1, at(0)).is_ok());
    assert_eq!(window.withdraw(1, at(3)), Err(0));
}

#[test]
fn v31_no_more_goes_out_than_came_in() {
    let mut window = Window::new(TTL, 0);
    window.deposit(100, at(0));
    for (cost, granted) in [(50, true), (49, true), (1, true), (1, false)] {
        assert_eq!(window.withdraw(cost, at(0)).is_ok(), granted, "{cost}");
    }
    window.deposit(1, at(0));
    assert_eq!(window.withdraw(2, at(0)), Err(1));
    assert!(window.withdraw(1, at(0)).is_ok());
}

/// The vector's third refusal, 3 s on, is an artefact of slots that move with the calls: there the
/// withdrawals of second 0 live 4 s if they are touched every second. Here they are gone after 3.
#[test]
fn v32_withdrawals_from_the_reserve_expire_too() {
    let mut window = Window::new(TTL, 100);
    for (cost, granted) in [(50, true), (50, true), (1, false)] {
        assert_eq!(window.withdraw(cost, at(0)).is_ok(), granted, "{cost}");
    }
    window.deposit(1, at(0));
    assert!(window.withdraw(1, at(0)).is_ok());
    assert!(window.withdraw(1, at(1)).is_err());
    assert!(window.withdraw(1, at(2)).is_err());
    assert!(window.withdraw(50, at(4)).is_ok());
    assert!(window.withdraw(100, at(7)).is_ok());
    assert!(window.withdraw(1, at(7)).is_err());
}

#[test]
fn a_clock_that_steps_back_changes_nothing() {
    let mut window = Window::new(TTL, 0);
    window.deposit(100, at(10));
    assert!(window.withdraw(40, at(1)).is_ok());
    assert_eq!(window.withdraw(61, at(10)), Err(60));
}
