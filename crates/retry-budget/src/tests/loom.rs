//! Every interleaving of two or three threads, by loom.
//!
//! `RUSTFLAGS="--cfg steady_loom" cargo test -p tower-steady-retry-budget --release --lib loom`

use std::time::Duration;

use loom::sync::Arc;
use loom::thread;

use crate::bucket::{Bucket, Limits};

const NOW: Duration = Duration::ZERO;

fn bucket(initial: u64, reserve: u64) -> Arc<Bucket> {
    Arc::new(Bucket::new(Limits {
        capacity: 10,
        initial,
        reserve,
    }))
}

/// tower's `TpsBudget` fails this: it checks and then subtracts.
#[test]
fn one_token_is_granted_once() {
    loom::model(|| {
        let bucket = bucket(1, 0);
        let other = Arc::clone(&bucket);
        let there = thread::spawn(move || other.withdraw(1, 1, None, NOW).is_ok());
        let here = bucket.withdraw(0, 1, None, NOW).is_ok();
        let there = there.join().unwrap();
        assert!(here ^ there, "one token, and exactly one of them got it");
    });
}

#[test]
fn a_deposit_meets_a_withdrawal_and_nothing_is_lost_or_made() {
    loom::model(|| {
        let bucket = bucket(0, 0);
        let other = Arc::clone(&bucket);
        let depositing = thread::spawn(move || {
            other.deposit(0, 1);
            other.deposit(1, 1);
        });
        let granted = u64::from(bucket.withdraw(0, 2, None, NOW).is_ok());
        depositing.join().unwrap();
        assert_eq!(bucket.read(NOW).balance, 2 - 2 * granted);
    });
}

#[test]
fn two_withdrawals_and_a_deposit_never_overdraw() {
    loom::model(|| {
        let bucket = bucket(1, 0);
        let (one, two) = (Arc::clone(&bucket), Arc::clone(&bucket));
        let one = thread::spawn(move || u64::from(one.withdraw(1, 1, None, NOW).is_ok()));
        let two = thread::spawn(move || two.deposit(1, 1));
        let here = u64::from(bucket.withdraw(0, 1, None, NOW).is_ok());
        let granted = here + one.join().unwrap();
        two.join().unwrap();
        assert!(granted >= 1);
        assert_eq!(bucket.read(NOW).balance, 2 - granted);
    });
}

/// Both settle the same income. A token that one of them has in its hands may be missed by the other,
/// never be counted by both.
#[test]
fn two_withdrawals_settle_what_came_in_once() {
    loom::model(|| {
        let bucket = bucket(0, 0);
        bucket.deposit(0, 1);
        bucket.deposit(1, 1);
        let other = Arc::clone(&bucket);
        let there = thread::spawn(move || u64::from(other.withdraw(1, 2, None, NOW).is_ok()));
        let here = u64::from(bucket.withdraw(0, 2, None, NOW).is_ok());
        let granted = here + there.join().unwrap();
        assert_eq!(granted, 1);
        let reading = bucket.read(NOW);
        assert_eq!((reading.balance, reading.spent), (0, 2));
        assert_eq!(reading.granted + reading.denied, 2);
    });
}

/// A deposit says that it lies beside the till, unless another one has. Whoever hears it finds all.
#[test]
fn no_income_is_left_lying() {
    loom::model(|| {
        let bucket = bucket(0, 0);
        let (one, two) = (Arc::clone(&bucket), Arc::clone(&bucket));
        let one = thread::spawn(move || one.deposit(0, 1));
        let two = thread::spawn(move || two.deposit(0, 1));
        let granted = u64::from(bucket.withdraw(1, 1, None, NOW).is_ok());
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(bucket.withdraw(1, 2 - granted, None, NOW), Ok(()));
        assert_eq!(bucket.withdraw(1, 1, None, NOW), Err(0));
    });
}

/// A bucket that is full but for one place, which is in the till of shard 0.
fn full_but_for_the_till(capacity: u64) -> Arc<Bucket> {
    let bucket = Arc::new(Bucket::new(Limits {
        capacity,
        initial: capacity,
        reserve: 0,
    }));
    bucket.withdraw(0, 1, None, NOW).unwrap();
    bucket
}

/// One takes from its own till what the other one needs all tills for.
#[test]
fn a_till_pays_while_it_is_emptied() {
    loom::model(|| {
        let bucket = with_a_token_in_a_till();
        let other = Arc::clone(&bucket);
        let there = thread::spawn(move || u64::from(other.withdraw(0, 1, None, NOW).is_ok()));
        let here = u64::from(bucket.withdraw(1, 3, None, NOW).is_ok());
        let there = there.join().unwrap();
        assert_eq!(here + there, 1);
        let reading = bucket.read(NOW);
        let spent = 3 * here + there;
        assert_eq!((reading.balance, reading.spent), (3 - spent, 1 + spent));
    });
}

/// The last place is for one of two deposits, in the till or beside it; the other one is lost.
#[test]
fn a_place_is_filled_once() {
    loom::model(|| {
        let bucket = full_but_for_the_till(2);
        bucket.deposit(1, 1);
        let other = Arc::clone(&bucket);
        let depositing = thread::spawn(move || other.deposit(0, 1));
        // Settles, and to that end wants the place in the till.
        let granted = bucket.withdraw(1, 1, None, NOW).is_ok();
        depositing.join().unwrap();
        assert!(granted);
        let reading = bucket.read(NOW);
        assert!((1..=2).contains(&reading.balance), "{reading:?}");
        assert_eq!(reading.spent, 2);
    });
}

/// What two withdrawals take and a deposit and a refund bring comes out even.
#[test]
fn all_at_once_and_nothing_is_lost_or_made() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound.get_or_insert(2);
    model.check(|| {
        let bucket = bucket(2, 0);
        bucket.withdraw(0, 1, None, NOW).unwrap();
        let (one, two) = (Arc::clone(&bucket), Arc::clone(&bucket));
        let one = thread::spawn(move || {
            one.refund(0, 1);
            u64::from(one.withdraw(0, 1, None, NOW).is_ok())
        });
        let two = thread::spawn(move || two.deposit(1, 1));
        let granted = u64::from(bucket.withdraw(1, 2, None, NOW).is_ok());
        let spent = 2 * granted + one.join().unwrap();
        two.join().unwrap();
        let reading = bucket.read(NOW);
        assert_eq!((reading.balance, reading.spent), (3 - spent, spent));
        assert_eq!(reading.deposited, 1);
    });
}

/// The price of a failure takes what it finds, and takes no token that was granted.
#[test]
fn a_fine_meets_a_withdrawal() {
    loom::model(|| {
        let bucket = bucket(2, 0);
        let other = Arc::clone(&bucket);
        let fining = thread::spawn(move || other.fine(1, 2, NOW));
        let granted = u64::from(bucket.withdraw(0, 1, None, NOW).is_ok());
        fining.join().unwrap();
        let reading = bucket.read(NOW);
        assert_eq!((reading.balance, reading.spent), (0, granted));
    });
}

/// A full bucket: what does not fit is lost, in whatever order it comes, and nothing else is.
#[test]
fn the_capacity_holds_while_deposits_and_refunds_meet() {
    loom::model(|| {
        let bucket = bucket(10, 0);
        bucket.withdraw(0, 1, None, NOW).unwrap();
        let other = Arc::clone(&bucket);
        let refunding = thread::spawn(move || other.refund(1, 1));
        bucket.deposit(0, 5);
        let granted = u64::from(bucket.withdraw(0, 10, None, NOW).is_ok());
        refunding.join().unwrap();
        let balance = bucket.read(NOW).balance;
        // Granted before the refund, which fits then, or after it.
        assert_eq!(granted, 1);
        assert!(balance <= 1, "{balance}");
    });
}

#[test]
fn a_refund_meets_a_withdrawal_and_the_sum_stays() {
    loom::model(|| {
        let bucket = bucket(1, 0);
        bucket.withdraw(0, 1, None, NOW).unwrap();
        let other = Arc::clone(&bucket);
        let refunding = thread::spawn(move || other.refund(1, 1));
        let granted = u64::from(bucket.withdraw(0, 1, None, NOW).is_ok());
        refunding.join().unwrap();
        let reading = bucket.read(NOW);
        assert_eq!(reading.balance + granted, 1);
        assert_eq!(reading.spent, granted);
    });
}

#[test]
fn a_span_of_the_reserve_is_claimed_once() {
    loom::model(|| {
        let bucket = bucket(0, 1);
        let later = Duration::from_secs(1);
        let other = Arc::clone(&bucket);
        let there = thread::spawn(move || u64::from(other.withdraw(1, 1, None, later).is_ok()));
        let here = u64::from(bucket.withdraw(0, 1, None, later).is_ok());
        let granted = here + there.join().unwrap();
        assert!(granted <= 1);
        assert_eq!(bucket.read(later).balance, 1 - granted);
    });
}

/// A reading is of one moment: what is gone from the balance is in `spent`, never in neither or both.
/// What has come in is reckoned from these, and so tells at once if they do not fit.
fn reads_one_moment(bucket: impl Fn() -> Arc<Bucket> + Send + Sync + 'static, cost: u64) {
    // The reader waits for the writer, and a loop is explored without end unless it is bounded.
    let mut model = loom::model::Builder::new();
    model.preemption_bound.get_or_insert(3);
    model.check(move || {
        let bucket = bucket();
        let before = bucket.read(NOW);
        let other = Arc::clone(&bucket);
        let working = thread::spawn(move || {
            if other.withdraw(0, cost, None, NOW).is_ok() {
                other.refund(1, cost);
            }
        });
        let reading = bucket.read(NOW);
        assert_eq!(reading.deposited, before.deposited);
        assert_eq!(
            reading.balance + reading.spent,
            before.balance + before.spent
        );
        assert_eq!(
            reading.spent - before.spent,
            cost * (reading.granted - before.granted - reading.returned)
        );
        working.join().unwrap();
    });
}

#[test]
fn a_snapshot_is_consistent_while_income_is_settled() {
    let bucket = || {
        let bucket = bucket(3, 0);
        bucket.deposit(0, 1);
        bucket
    };
    reads_one_moment(bucket, 2);
}

#[test]
fn a_snapshot_is_consistent_while_a_till_pays() {
    reads_one_moment(with_a_token_in_a_till, 1);
}

#[test]
fn a_snapshot_is_consistent_while_tills_are_emptied() {
    reads_one_moment(with_a_token_in_a_till, 3);
}

/// Full, two tokens in the vault and one in the till of shard 0.
fn with_a_token_in_a_till() -> Arc<Bucket> {
    let bucket = full_but_for_the_till(3);
    bucket.deposit(0, 1);
    bucket
}
