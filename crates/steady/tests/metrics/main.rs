//! The metrics: exactly those that are documented, with the labels that are documented, and nothing from
//! a request or a response in any of them.

mod drive;
mod recorded;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tower_steady::metrics::{self as documented, Kind, Metric};
use tower_steady::{Class, VetoReason};

use crate::drive::everything;

fn table(metrics: &[&Metric]) -> String {
    let row = |metric: &&Metric| {
        let labels = metric.labels.iter().map(|label| format!("`{label}`"));
        let labels: Vec<_> = labels.collect();
        let labels = labels.join(", ");
        let Metric {
            name,
            unit,
            meaning,
            ..
        } = metric;
        format!(
            "| `{name}` | {} | {unit} | {labels} | {meaning} |\n",
            metric.kind.as_str()
        )
    };
    metrics.iter().map(row).collect()
}

/// The rows of a table of metrics, of a page or of a source file.
fn rows(page: &str) -> String {
    let lines = page
        .lines()
        .map(|line| line.trim_start_matches("//!").trim());
    let rows = lines.skip_while(|line| !line.starts_with("| name | kind |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| format!("{row}\n")).collect()
}

#[test]
fn the_page_and_the_front_page_of_each_crate_list_what_there_is() {
    let all: Vec<_> = documented::all().collect();
    assert_eq!(
        rows(include_str!("../../METRICS.md")),
        table(&all),
        "METRICS.md"
    );

    for (folder, metrics) in [
        ("backoff-jitter", tower_steady::backoff_jitter::METRICS),
        ("circuit-breaker", tower_steady::circuit_breaker::METRICS),
        ("classify", tower_steady::classify::METRICS),
        ("deadline", tower_steady::deadline::METRICS),
        ("fallback", tower_steady::fallback::METRICS),
        ("replay-body", tower_steady::replay_body::METRICS),
        ("retry-after", tower_steady::retry_after::METRICS),
        ("retry-budget", tower_steady::retry_budget::METRICS),
    ] {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let front_page = crates.join(folder).join("src/lib.rs");
        let metrics: Vec<_> = metrics.iter().collect();
        let page = std::fs::read_to_string(front_page).unwrap();
        assert_eq!(rows(&page), table(&metrics), "{folder}");
    }
}

#[test]
fn names_are_of_one_scheme() {
    for metric in documented::all() {
        let own = metric.name.starts_with("tower_steady.");
        let theirs = metric.name.starts_with("gen_ai.client.operation.");
        assert!(own || theirs, "{}", metric.name);
        assert_eq!(
            metric.kind == Kind::Histogram,
            metric.unit == "s",
            "{}",
            metric.name
        );
        assert!(metric.meaning.ends_with('.'), "{}", metric.name);
    }
}

#[tokio::test(start_paused = true)]
async fn exactly_the_documented_names_and_labels_come_out() {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, labels, _) in everything().await {
        told.entry(name).or_default().extend(labels.into_keys());
    }
    let labels = |metric: &Metric| {
        metric
            .labels
            .iter()
            .map(|&label| label.to_owned())
            .collect()
    };
    let known: BTreeMap<String, BTreeSet<String>> = documented::all()
        .map(|metric| (metric.name.to_owned(), labels(metric)))
        .collect();
    assert_eq!(told, known);
}

#[tokio::test(start_paused = true)]
async fn every_label_is_of_a_closed_set_or_a_name_that_was_given() {
    let classes = Class::ALL.map(Class::as_str);
    let vetoes = [
        VetoReason::Attempts,
        VetoReason::Budget,
        VetoReason::CircuitOpen,
        VetoReason::Deadline,
        VetoReason::NotIdempotent,
        VetoReason::NotReplayable,
        VetoReason::NotSent,
        VetoReason::Paused,
        VetoReason::Spend,
        VetoReason::WaitOverCap,
    ]
    .map(VetoReason::as_str);
    let others = [
        "before_call",
        "during_call",
        "max_wait",
        "queue_full",
        "deadline",
        "consecutive_failures",
        "probes_failed",
        "forced",
    ];
    let states = [
        "closed",
        "open",
        "half_open",
        "forced_open",
        "forced_closed",
    ];
    let names = ["primary", "breaker", "pause", "retry", "budget", "ledger"];
    for (metric, labels, _) in everything().await {
        for (label, value) in labels {
            let value = value.as_str();
            let known = match label.as_str() {
                "class" | "error.type" => classes.contains(&value),
                "reason" => vetoes.contains(&value) || others.contains(&value),
                "state" | "from" | "to" => states.contains(&value),
                "name" => names.contains(&value),
                "source" => ["second", "fixed"].contains(&value),
                "timer" => ["headers", "first_output", "idle", "deadline"].contains(&value),
                "limit" => ["per_request", "per_workflow", "per_hour"].contains(&value),
                "unit" => value == "tokens",
                "gen_ai.provider.name" => value == "openai",
                _ => false,
            };
            assert!(known, "{metric} {label}={value}");
        }
    }
}
