//! What the layers are for, as counts of a simulation: the bounds that the report shows, with small
//! populations. Nothing here depends on the speed of the machine.

use lab::contenders::{self, Contender};
use lab::experiments::{self, Experiment, Size};
use lab::run::{Plan, Row, rows};

/// Bounds that are not kept, by preset, experiment and metric, and why. What stands here must miss:
/// once it holds, its line goes.
const MISSES: &[(&str, &str, &str)] = &[];

// What each test below holds; `every_bound_is_checked_here` knows them all.
const OUTAGES: &[&str] = &["outage-30s", "outage-300s"];
const BROWNOUTS: &[&str] = &["brownout-0.80", "brownout-0.88", "brownout-0.95"];
const RATE_LIMITS: &[&str] = &[
    "storm-free",
    "storm-charged",
    "storm-short-hints",
    "storm-fleet",
];
const HERDS: &[&str] = &["herd-one-process", "herd-200-processes"];
const STRAYS: &[&str] = &["stray-429s"];
const RARE: &[&str] = &["pipeline", "availability"];
const FINAL: &[&str] = &["malformed", "quota"];
const NEIGHBOURS: &[&str] = &["tenants", "partial-outage"];

const HANGS: &[&str] = &["hang"];
const STREAMS: &[&str] = &["streams-cut-early", "streams-cut-midway", "streams-all-cut"];

/// As many as fit into a minute.
const SEEDS: [u64; 3] = [1, 2, 3];

fn measure(
    experiments: &[&str],
    contenders: Vec<Contender>,
    seeds: Vec<u64>,
    size: Size,
) -> Vec<Row> {
    let named = |name: &&str| *experiments::named(name).expect("an experiment of this name");
    let plan = Plan {
        experiments: experiments.iter().map(named).collect(),
        contenders,
        seeds,
        size,
    };
    rows(&plan.run(|| {}))
}

/// Ours, and the contender that others are measured against.
fn ours() -> Vec<Contender> {
    let all = contenders::ALL.into_iter();
    all.filter(|contender| contender.ours || contender.name == "no retries")
        .collect()
}

fn hold(experiments: &[&str]) {
    let mut problems = Vec::new();
    let mut checked = 0;
    for row in measure(experiments, ours(), SEEDS.to_vec(), Size::Small) {
        let (true, Some(holds)) = (row.contender.ours, row.holds) else {
            continue;
        };
        checked += 1;
        let name = (row.contender.name, row.experiment.name, row.metric.name);
        if holds == MISSES.contains(&name) {
            let word = if holds { "holds by now" } else { "misses" };
            problems.push(format!("{name:?} {word}: {} of {:?}", row.worst, row.limit));
        }
    }
    assert!(checked > 0, "nothing was checked");
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn an_outage_is_not_amplified() {
    hold(OUTAGES);
}

#[test]
fn a_brownout_is_recovered_from() {
    hold(BROWNOUTS);
}

#[test]
fn a_rate_limit_costs_little_more_than_its_own_time() {
    hold(RATE_LIMITS);
}

#[test]
fn a_crowd_does_not_come_back_at_once() {
    hold(HERDS);
}

/// In each of these seeds refusals by chance fall together so that a pace which takes two of them for a
/// limit turns calls away: at the first calls of all (103, 129, 377), or again and again.
#[test]
fn refusals_by_chance_are_no_limit() {
    hold(STRAYS);
    let seeds = vec![6, 51, 103, 129, 170, 335, 377];
    for row in measure(STRAYS, ours(), seeds, Size::Full) {
        let kept = !row.contender.ours || row.holds != Some(false);
        assert!(
            kept,
            "{}, {}: {}",
            row.contender.name, row.metric.name, row.worst
        );
    }
}

#[test]
fn rare_failures_are_not_seen() {
    hold(RARE);
}

#[test]
fn what_cannot_succeed_is_sent_once() {
    hold(FINAL);
}

#[test]
fn a_neighbour_notices_nothing() {
    hold(NEIGHBOURS);
}

#[test]
fn a_provider_that_hangs_keeps_nobody_waiting() {
    hold(HANGS);
}

#[test]
fn a_cut_stream_is_sent_again_before_its_output_and_never_after() {
    hold(STREAMS);
}

/// The experiments can tell: what is known to fail fails in them.
#[test]
fn a_naive_loop_fails() {
    let naive = *contenders::named("naive loop").expect("a contender of this name");
    let experiments = [
        "outage-30s",
        "outage-300s",
        "brownout-0.80",
        "storm-charged",
        "storm-short-hints",
        "malformed",
        "quota",
        "hang",
        "streams-cut-early",
        "streams-all-cut",
    ];
    let contenders = vec![ours()[0], naive];
    for row in measure(&experiments, contenders, vec![1], Size::Small) {
        if row.contender.name == naive.name && row.metric.name == row.experiment.metrics[0].name {
            assert_eq!(row.holds, Some(false), "{}", row.experiment.name);
        }
    }
}

#[test]
fn every_bound_is_checked_here() {
    let held = [
        OUTAGES,
        BROWNOUTS,
        RATE_LIMITS,
        HERDS,
        STRAYS,
        RARE,
        FINAL,
        NEIGHBOURS,
        HANGS,
        STREAMS,
    ];
    let is_held = |experiment: &&Experiment| held.concat().contains(&experiment.name);
    for experiment in experiments::ALL.iter().filter(|one| !is_held(one)) {
        let bound = experiment
            .metrics
            .iter()
            .find(|metric| metric.bound.is_some());
        assert!(bound.is_none(), "{}", experiment.name);
    }
}

#[test]
fn a_seed_repeats_exactly() {
    for contender in contenders::ALL {
        for name in ["tenants", "herd-200-processes"] {
            let experiment = experiments::named(name).expect("an experiment of this name");
            let run = |seed| experiment.run(&contender, seed, Size::Small);
            assert_eq!(run(7), run(7), "{name}, {}", contender.name);
        }
    }
}
