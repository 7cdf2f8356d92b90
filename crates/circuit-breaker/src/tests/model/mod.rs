//! A slow and obvious model of a circuit, and random histories that drive it beside the real one.

mod reference;

use std::time::Duration;

use proptest::prelude::*;

use self::reference::Model;
use super::{Tick, breaker, rules};
use crate::breaker::{Breaker, End, Ticket};
use crate::rules::{OpenTime, Rules};
use crate::state::State;

#[derive(Clone, Debug)]
enum Step {
    Call,
    Begin(prop::sample::Index),
    End {
        which: prop::sample::Index,
        end: End,
        slow: bool,
        wait: Option<Duration>,
    },
    Force(State),
    Pass(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    let ends = prop_oneof![
        5 => Just(End::Success),
        5 => Just(End::Failure),
        1 => Just(End::Ignored),
        1 => Just(End::Cancelled),
    ];
    let wait = prop_oneof![9 => Just(None), 1 => (0..9_000_u64).prop_map(|ms| Some(Duration::from_millis(ms)))];
    let ended = (
        any::<prop::sample::Index>(),
        ends,
        prop::bool::weighted(0.2),
        wait,
    );
    prop_oneof![
        20 => Just(Step::Call),
        6 => any::<prop::sample::Index>().prop_map(Step::Begin),
        20 => ended.prop_map(|(which, end, slow, wait)| Step::End { which, end, slow, wait }),
        1 => prop_oneof![Just(State::ForcedOpen), Just(State::ForcedClosed), Just(State::Closed)]
            .prop_map(Step::Force),
        8 => prop_oneof![
            4 => 0..400_u64,
            2 => 400..3_000_u64,
            // On the edges of buckets, open times and leases.
            2 => (0..12_u64).prop_map(|n| n * 500),
            1 => 3_000..100_000_u64,
        ].prop_map(|ms| Step::Pass(Duration::from_millis(ms))),
    ]
}

fn random_rules() -> impl Strategy<Value = Rules> {
    let trips = (
        prop::option::of(1..5_u32),
        prop::option::of(1..6_u32),
        prop::option::of(prop::sample::select(vec![0.1, 0.3, 0.5, 0.7, 1.0])),
        prop::option::of(prop::sample::select(vec![0.2, 0.5, 1.0])),
        1..6_u32,
    );
    let half_open = (1..5_u32)
        .prop_flat_map(|probes| (Just(probes), 1..=probes))
        .prop_flat_map(|both| (Just(both), 500..4_000_u64));
    let healthy = prop::sample::select(vec![0, 1_000, 5_000]);
    (trips, half_open, healthy).prop_map(
        |((row, count, rate, slow, minimum_calls), ((probes, threshold), lease), healthy)| {
            let windowed = count.is_some() || rate.is_some() || slow.is_some();
            Rules {
                consecutive_failures: row,
                failure_count: count,
                failure_rate: rate,
                slow_call_rate: slow,
                minimum_calls,
                bucket: windowed.then_some(500_000_000),
                quick: !windowed,
                probes,
                success_threshold: threshold,
                probe_lease: Duration::from_millis(lease),
                open_time: OpenTime {
                    healthy_after: Duration::from_millis(healthy),
                    max: Duration::from_secs(10),
                    ..rules().open_time
                },
            }
        },
    )
}

/// A ticket of the real circuit beside the same call in the model.
struct Pair {
    real: Ticket,
    model: usize,
}

fn agree(real: &Breaker, model: &Model, now: u64) -> Result<(), TestCaseError> {
    let status = real.status(Tick(now));
    prop_assert_eq!(status.state, model.state);
    prop_assert_eq!(status.generation, model.generation);
    prop_assert_eq!(status.reason, model.reason);
    if model.state == State::Open {
        let left = Duration::from_nanos(model.until.saturating_sub(now));
        prop_assert_eq!(status.left, Some(left));
    }
    prop_assert_eq!(real.counts(), model.counts);
    prop_assert_eq!(real.window(Tick(now)), model.window(now));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// The same calls, verdicts, drops and time, in the same order: both say the same at every step.
    #[test]
    fn the_circuit_does_what_the_model_does(
        rules in random_rules(),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let real = breaker(rules.clone());
        let mut model = Model::new(rules);
        let mut open: Vec<Pair> = Vec::new();
        let mut let_through = 0;
        let mut now = 0_u64;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Call => {
                    let refused = real.would_refuse(Tick(now)).is_some();
                    let (ticket, _) = real.admit(Tick(now));
                    prop_assert_eq!(refused, ticket.is_err());
                    let id = model.admit(now);
                    prop_assert_eq!(ticket.is_ok(), id.is_some());
                    if let (Ok(real), Some(model)) = (ticket, id) {
                        let_through += 1;
                        open.push(Pair { real, model });
                    }
                }
                Step::Begin(which) if !open.is_empty() => {
                    let index = which.index(open.len());
                    let pair = &mut open[index];
                    model.begin(pair.model, now);
                    real.begin(&mut pair.real, Tick(now), number);
                }
                Step::End { which, end, slow, wait } if !open.is_empty() => {
                    let pair = open.swap_remove(which.index(open.len()));
                    let generation = model.generation;
                    model.end(pair.model, end, slow, wait, now);
                    let change = real.end(&pair.real, end, slow, wait, Tick(now), number, || 0.0);
                    // A transition is told exactly when there is one.
                    let moved = (model.generation != generation).then_some(model.state);
                    prop_assert_eq!(change.map(|change| change.to), moved);
                }
                Step::Begin(_) | Step::End { .. } => {}
                Step::Force(state) => {
                    model.force(state, now);
                    real.force(state, Tick(now));
                }
                Step::Pass(time) => now += time.as_nanos() as u64,
            }
            agree(&real, &model, now)?;
            // Nothing is lost: what was let through has ended in one way, or is in flight.
            let counts = real.counts();
            let ended = counts.successes + counts.failures + counts.ignored + counts.cancelled
                + counts.stale;
            prop_assert_eq!(let_through, ended + open.len() as u64);
        }
    }
}
