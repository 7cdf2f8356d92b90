use serde::Serialize;

use crate::run::Row;

/// A value that is `null` never happened: the provider did not recover, the batch was not finished.
#[derive(Serialize)]
struct Line<'a> {
    experiment: &'a str,
    contender: &'a str,
    metric: &'a str,
    median: f64,
    worst: f64,
    bound: Option<f64>,
    holds: Option<bool>,
}

/// One object a line and a line for each row. `null` for a median or worst: it never happened;
/// for a bound: there is none.
///
/// # Panics
///
/// Never: text and numbers can always be written.
#[must_use]
pub fn json_lines(rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| {
        let line = Line {
            experiment: row.experiment.name,
            contender: row.contender.name,
            metric: row.metric.name,
            median: row.median,
            worst: row.worst,
            bound: row.limit,
            holds: row.holds,
        };
        serde_json::to_string(&line).expect("text and numbers") + "\n"
    });
    lines.collect()
}
