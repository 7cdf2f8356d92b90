//! The sharded bucket against the obvious one, and under real threads.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use crate::bucket::{Bucket, Limits, SHARDS};
use crate::tally::Reading;

const TOKEN: u64 = 1_000_000;

/// A bucket as one would first write it: everything at once, nothing sharded.
#[derive(Debug)]
struct Obvious {
    limits: Limits,
    /// In 10⁻¹⁵ tokens.
    balance: u128,
    now: Duration,
    tally: Reading,
}

impl Obvious {
    const FINE: u128 = 1_000_000_000;

    fn new(limits: Limits) -> Self {
        Self {
            limits,
            balance: u128::from(limits.initial) * Self::FINE,
            now: Duration::ZERO,
            tally: Reading::default(),
        }
    }

    fn add(&mut self, amount: u128) {
        self.balance = (self.balance + amount).min(u128::from(self.limits.capacity) * Self::FINE);
    }

    fn pass(&mut self, time: Duration) {
        // Credited in whole micro-tokens, as money is in whole cents.
        let credited =
            |now: Duration| now.as_nanos() * u128::from(self.limits.reserve) / Self::FINE;
        let due = credited(self.now + time) - credited(self.now);
        self.now += time;
        self.add(due * Self::FINE);
    }

    fn withdraw(&mut self, cost: u64, above: Option<u64>) -> bool {
        let cost_fine = u128::from(cost) * Self::FINE;
        let granted = self.balance >= cost_fine
            && above.is_none_or(|above| self.balance > u128::from(above) * Self::FINE);
        if granted {
            self.balance -= cost_fine;
            self.tally.granted += 1;
            self.tally.spent += cost;
        } else {
            self.tally.denied += 1;
        }
        granted
    }

    fn reading(&self) -> Reading {
        Reading {
            balance: u64::try_from(self.balance / Self::FINE).unwrap(),
            ..self.tally
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Deposit {
        shard: usize,
        amount: u64,
    },
    Withdraw {
        shard: usize,
        cost: u64,
        above: Option<u64>,
    },
    Fine {
        shard: usize,
        amount: u64,
    },
    Refund {
        shard: usize,
    },
    Pass(Duration),
}

impl Step {
    fn scaled(self, by: u64) -> Self {
        match self {
            Self::Deposit { shard, amount } => Self::Deposit {
                shard,
                amount: amount * by,
            },
            Self::Withdraw { shard, cost, above } => Self::Withdraw {
                shard,
                cost: cost * by,
                above: above.map(|above| above * by),
            },
            Self::Fine { shard, amount } => Self::Fine {
                shard,
                amount: amount * by,
            },
            other @ (Self::Refund { .. } | Self::Pass(_)) => other,
        }
    }
}

impl Limits {
    fn scaled(self, by: u64) -> Self {
        Self {
            capacity: self.capacity * by,
            initial: self.initial * by,
            reserve: self.reserve * by,
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = prop_oneof![0..3 * TOKEN, Just(TOKEN / 10), Just(TOKEN)];
    let step = prop_oneof![
        4 => (0..SHARDS, amount.clone()).prop_map(|(shard, amount)| Step::Deposit { shard, amount }),
        4 => (0..SHARDS, amount.clone(), proptest::option::weighted(0.2, 0..4 * TOKEN))
            .prop_map(|(shard, cost, above)| Step::Withdraw { shard, cost, above }),
        1 => (0..SHARDS, amount).prop_map(|(shard, amount)| Step::Fine { shard, amount }),
        1 => (0..SHARDS).prop_map(|shard| Step::Refund { shard }),
        1 => (0..20_000_000_000_u64).prop_map(|nanos| Step::Pass(Duration::from_nanos(nanos))),
    ];
    proptest::collection::vec(step, 0..200)
}

fn limits() -> impl Strategy<Value = Limits> {
    let reserve = prop_oneof![Just(0), 1..3 * TOKEN, Just(TOKEN / 10)];
    (0..6 * TOKEN, 0..8 * TOKEN, reserve).prop_map(|(capacity, initial, reserve)| Limits {
        capacity,
        initial: initial.min(capacity),
        reserve,
    })
}

/// How much larger all amounts are: a till holds no more than 4294 tokens.
fn scale() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(1), 1 => Just(1_500), 1 => Just(3_000)]
}

proptest! {
    /// Whichever shards it comes to on its way from thread to thread.
    #[test]
    fn for_one_task_the_sharded_bucket_is_the_obvious_one(
        limits in limits(),
        steps in steps(),
        scale in scale(),
    ) {
        let limits = limits.scaled(scale);
        let bucket = Bucket::new(limits);
        let mut obvious = Obvious::new(limits);
        let mut held = Vec::new();
        let mut deposited = 0;
        for step in steps {
            match step.scaled(scale) {
                Step::Deposit { shard, amount } => {
                    bucket.deposit(shard, amount);
                    obvious.add(u128::from(amount) * Obvious::FINE);
                }
                Step::Withdraw { shard, cost, above } => {
                    let before = bucket.read(obvious.now).balance;
                    let result = bucket.withdraw(shard, cost, above, obvious.now);
                    prop_assert_eq!(result.is_ok(), obvious.withdraw(cost, above));
                    match result {
                        Ok(()) => held.push(cost),
                        Err(balance) => prop_assert_eq!(balance, before),
                    }
                }
                Step::Fine { shard, amount } => {
                    bucket.fine(shard, amount, obvious.now);
                    obvious.balance =
                        obvious.balance.saturating_sub(u128::from(amount) * Obvious::FINE);
                }
                Step::Refund { shard } => {
                    if let Some(cost) = held.pop() {
                        bucket.refund(shard, cost);
                        obvious.add(u128::from(cost) * Obvious::FINE);
                        obvious.tally.returned += 1;
                        obvious.tally.spent -= cost;
                    }
                }
                Step::Pass(time) => obvious.pass(time),
            }
            let reading = bucket.read(obvious.now);
            prop_assert!(reading.deposited >= deposited, "never less");
            deposited = reading.deposited;
            prop_assert_eq!(Reading { deposited: 0, ..reading }, obvious.reading());
        }
    }

    /// No deposit, however large or often, runs a shard over.
    #[test]
    fn deposits_beyond_the_capacity_are_lost_and_nothing_else(
        amounts in proptest::collection::vec(0..1_000_000_000 * TOKEN, 1..100),
    ) {
        let capacity = 1_000_000_000 * TOKEN;
        let bucket = Bucket::new(Limits { capacity, initial: 0, reserve: 0 });
        let mut sum = 0_u64;
        for amount in amounts {
            bucket.deposit(0, amount);
            sum = sum.saturating_add(amount).min(capacity);
            prop_assert_eq!(bucket.read(Duration::ZERO).balance, sum);
        }
    }
}

/// smithy-rs, vector 23: 200 threads that find ten seconds of refill claim them once.
#[test]
fn many_threads_claim_the_reserve_once() {
    let bucket = Bucket::new(Limits {
        capacity: 100 * TOKEN,
        initial: 0,
        reserve: TOKEN,
    });
    let start = Barrier::new(200);
    thread::scope(|scope| {
        for shard in 0..200 {
            let (bucket, start) = (&bucket, &start);
            scope.spawn(move || {
                start.wait();
                let _ = bucket.withdraw(shard, u64::MAX / 2, None, Duration::from_secs(10));
            });
        }
    });
    assert_eq!(bucket.read(Duration::from_secs(10)).balance, 10 * TOKEN);
}

/// tower's `TpsBudget` checks and then subtracts, and hands one token to two threads now and then.
#[test]
fn many_threads_never_get_more_than_was_paid_in() {
    const THREADS: u64 = 8;
    const DEPOSITS: u64 = 5_000;
    let bucket = Bucket::new(Limits {
        capacity: 1_000_000 * TOKEN,
        initial: 3 * TOKEN,
        reserve: 0,
    });
    thread::scope(|scope| {
        for shard in 0..THREADS {
            let bucket = &bucket;
            scope.spawn(move || {
                let shard = usize::try_from(shard).unwrap();
                for round in 0..DEPOSITS {
                    bucket.deposit(shard, TOKEN / 10);
                    let granted = bucket.withdraw(shard, TOKEN, None, Duration::ZERO).is_ok();
                    if granted && round % 3 == 0 {
                        bucket.refund(shard + 1, TOKEN);
                    }
                }
            });
        }
    });
    let reading = bucket.read(Duration::ZERO);
    let paid_in = 3 * TOKEN + THREADS * DEPOSITS * TOKEN / 10;
    assert_eq!(reading.balance + reading.spent, paid_in);
    assert_eq!(reading.deposited, paid_in - 3 * TOKEN);
    assert_eq!(reading.spent, (reading.granted - reading.returned) * TOKEN);
    assert_eq!(reading.granted + reading.denied, THREADS * DEPOSITS);
}
