//! The report says in words what its figures show, whatever they are.

use std::collections::BTreeSet;

use lab::contenders;
use lab::experiments::{self, Better, Bound, Experiment, Observation, Size};
use lab::report;
use lab::run::{Cell, Plan, Row, rows};

/// What each seed of `no retries` and of ours came to, in the metric at this place; all else is 1.
struct Figures {
    peer: [f64; 3],
    ours: [f64; 3],
}

fn cells(experiment: &Experiment, place: usize, figures: &Figures) -> Vec<Cell> {
    let cell = |name, values: &[f64]| Cell {
        experiment: *experiment,
        contender: *contenders::named(name).expect("a contender of this name"),
        observations: values
            .iter()
            .map(|value| observation(experiment, place, *value))
            .collect(),
    };
    vec![
        cell("no retries", &figures.peer),
        cell("steady interactive", &figures.ours),
    ]
}

fn observation(experiment: &Experiment, place: usize, value: f64) -> Observation {
    let mut values = vec![1.0; experiment.metrics.len()];
    values[place] = value;
    Observation {
        values,
        per_100_ms: Vec::new(),
        goodput: Vec::new(),
    }
}

/// Every metric of every experiment, with its place.
fn metrics() -> impl Iterator<Item = (&'static Experiment, usize)> {
    let all = experiments::ALL.iter();
    all.flat_map(|experiment| (0..experiment.metrics.len()).map(move |place| (experiment, place)))
}

fn says(sentences: &[String], experiment: &Experiment, place: usize) -> bool {
    let start = format!("{}, {}", experiment.name, experiment.metrics[place].name);
    sentences
        .iter()
        .any(|sentence| sentence.starts_with(&start))
}

#[test]
fn no_metric_is_lost_in_silence() {
    for (experiment, place) in metrics() {
        let (good, bad) = match experiment.metrics[place].better {
            Better::Lower => (1.0, 1.1),
            Better::Higher => (1.0, 0.9),
        };
        let cases = [
            (
                Figures {
                    peer: [good; 3],
                    ours: [bad; 3],
                },
                true,
            ),
            (
                Figures {
                    peer: [good; 3],
                    ours: [good, bad, good],
                },
                true,
            ),
            (
                Figures {
                    peer: [good, bad, good],
                    ours: [good, bad, good],
                },
                false,
            ),
            (
                Figures {
                    peer: [bad; 3],
                    ours: [good; 3],
                },
                false,
            ),
        ];
        for (figures, lost) in cases {
            let losses = report::losses(&rows(&cells(experiment, place, &figures)));
            assert_eq!(
                says(&losses, experiment, place),
                lost,
                "{}: {losses:?}",
                experiment.name
            );
        }
    }
}

#[test]
fn never_is_worse_than_anything() {
    let outage = experiments::named("outage-30s").expect("an experiment of this name");
    let figures = Figures {
        peer: [500.0; 3],
        ours: [f64::INFINITY; 3],
    };
    let losses = report::losses(&rows(&cells(outage, 2, &figures)));
    assert!(
        losses[0].contains("never") && losses[0].contains("500 s"),
        "{losses:?}"
    );
}

#[test]
fn no_bound_is_missed_in_silence() {
    for (experiment, place) in metrics() {
        let bad = match experiment.metrics[place].bound {
            None => continue,
            Some(Bound::AtMost(limit) | Bound::TimesNoRetries(limit)) => 1.1 * limit + 0.1,
            Some(Bound::AtLeast(limit)) => 0.9 * limit,
        };
        // The median alone would keep it.
        let figures = Figures {
            peer: [1.0; 3],
            ours: [1.0, bad, 1.0],
        };
        let misses = report::misses(&rows(&cells(experiment, place, &figures)));
        assert!(
            says(&misses, experiment, place),
            "{}: {misses:?}",
            experiment.name
        );
    }
}

fn some() -> (Plan, Vec<Cell>, Vec<Row>) {
    let plan = Plan {
        experiments: vec![*experiments::named("quota").expect("an experiment of this name")],
        contenders: contenders::ALL.to_vec(),
        seeds: vec![1],
        size: Size::Small,
    };
    let cells = plan.run(|| {});
    let rows = rows(&cells);
    (plan, cells, rows)
}

#[test]
fn a_line_of_json_has_these_keys_and_no_others() {
    let (_, _, rows) = some();
    let text = report::json_lines(&rows);
    let expected = [
        "experiment",
        "contender",
        "metric",
        "median",
        "worst",
        "bound",
        "holds",
    ];
    assert_eq!(text.lines().count(), rows.len());
    for line in text.lines() {
        let line: serde_json::Map<_, _> = serde_json::from_str(line).expect("an object");
        let keys: BTreeSet<_> = line.keys().map(String::as_str).collect();
        assert_eq!(keys, BTreeSet::from(expected));
    }
}

#[test]
fn the_page_needs_no_script_and_nothing_beside_it() {
    let (plan, cells, rows) = some();
    let page = report::html(&plan, &rows, &report::charts(&cells));
    for foreign in ["<script", "<link", "src=", "@import", "href=\"http"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("prefers-color-scheme:dark"));
    for contender in contenders::ALL {
        assert!(page.contains(contender.settings), "{}", contender.name);
    }
}
