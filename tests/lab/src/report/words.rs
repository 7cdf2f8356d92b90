use super::value;
use crate::experiments::Better;
use crate::run::Row;

/// Where ours misses a bound, a sentence for each metric.
#[must_use]
pub fn misses(rows: &[Row]) -> Vec<String> {
    let mut misses = Vec::new();
    for rows in rows.chunk_by(Row::is_beside) {
        let missed = rows
            .iter()
            .filter(|row| row.contender.ours && row.holds == Some(false));
        let ours: Vec<_> = missed
            .map(|row| (row.contender.name, value::cell(row)))
            .collect();
        if !ours.is_empty() {
            misses.push(format!(
                "{}, {} ({}): {}.{}",
                rows[0].experiment.name,
                rows[0].metric.name,
                value::bound(&rows[0].metric),
                together(&ours),
                reason(&rows[0]),
            ));
        }
    }
    misses
}

/// Where another contender's median or worst seed is better than ours, a sentence for each metric. A
/// difference below two per cent is none.
#[must_use]
pub fn losses(rows: &[Row]) -> Vec<String> {
    let mut losses = Vec::new();
    for rows in rows.chunk_by(Row::is_beside) {
        let (ours, others): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.contender.ours);
        let cells = |rows: &[&Row]| -> Vec<_> {
            rows.iter()
                .map(|row| (row.contender.name, value::cell(row)))
                .collect()
        };
        let beaten = |row: &&Row| others.iter().any(|other| is_better(other, row));
        let beaten: Vec<_> = ours.into_iter().filter(beaten).collect();
        let beats = |other: &&Row| beaten.iter().any(|row| is_better(other, row));
        let better: Vec<_> = others.iter().copied().filter(beats).collect();
        if !better.is_empty() {
            losses.push(format!(
                "{}, {}: {}; but {}.{}",
                rows[0].experiment.name,
                rows[0].metric.name,
                together(&cells(&beaten)),
                together(&cells(&better)),
                reason(&rows[0]),
            ));
        }
    }
    losses
}

/// Names and their values, those of one value together.
fn together(cells: &[(&str, String)]) -> String {
    let mut groups: Vec<(Vec<&str>, &str)> = Vec::new();
    for (name, cell) in cells {
        match groups.iter_mut().find(|(_, of)| of == cell) {
            Some((names, _)) => names.push(name),
            None => groups.push((vec![name], cell)),
        }
    }
    let groups: Vec<_> = groups
        .iter()
        .map(|(names, cell)| format!("{} {cell}", names.join(", ")))
        .collect();
    groups.join("; ")
}

fn is_better(row: &Row, than: &Row) -> bool {
    let beats = |value: f64, than: f64| match row.metric.better {
        Better::Lower => value < 0.98 * than,
        // Of a share, what is missing to all of it.
        Better::Higher => value > than && 1.0 - value < 0.98 * (1.0 - than),
    };
    beats(row.median, than.median) || beats(row.worst, than.worst)
}

/// Why ours is worse, by how the names of the experiment and the metric begin.
const REASONS: &[(&str, &str, &str)] = &[
    (
        "hang",
        "time to recover",
        "A probe that was sent before the end hangs until a timer ends it, and then the circuit stays open \
         for its open time, which grows from one trip to the next.",
    ),
    (
        "",
        "time to recover",
        "An open circuit is tried again when its open time is over, however early the provider is back, \
         and that time grows from one trip to the next.",
    ),
    (
        "outage",
        "",
        "Who does not retry sends each call once; a circuit sends fewer once it is open.",
    ),
    (
        "storm",
        "time over",
        "After a refusal the calls of a key go at a learned pace, which climbs to the limit from below; \
         the others reach the limit by being refused at it.",
    ),
    (
        "storm",
        "busiest",
        "What has waited in the pause is released at a rising pace, which probes the limit.",
    ),
    (
        "herd",
        "most sends",
        "Who has given up, or come before the time, sends little then: see how many agents are served.",
    ),
    (
        "herd",
        "agents",
        "A retry after a 429 costs a token of the retry budget like any other, and a process that has \
         not had a success yet has ten.",
    ),
    (
        "stray",
        "slowest",
        "Each refusal stops all calls of its key for the second that the server asks for, not only its own.",
    ),
    (
        "pipeline",
        "slowest",
        "Backoff with full jitter from 1 s on takes longer over a lone failure than a short fixed wait.",
    ),
    (
        "tenants",
        "",
        "Whoever retries has a few calls that took two tries, and those are the slowest.",
    ),
    (
        "partial-outage",
        "",
        "One model of five fails too seldom to open the circuit of the host, and these calls do not name \
         their model in an extension, which would give it a circuit of its own: so its calls are retried.",
    ),
    (
        "streams",
        "",
        "A stream that breaks before its output is sent once more, and so paid for once more; the others \
         hand the broken one on.",
    ),
];

fn reason(row: &Row) -> String {
    let found = REASONS.iter().find(|(experiment, metric, _)| {
        row.experiment.name.starts_with(experiment) && row.metric.name.starts_with(metric)
    });
    found.map_or_else(String::new, |(_, _, reason)| format!(" {reason}"))
}
