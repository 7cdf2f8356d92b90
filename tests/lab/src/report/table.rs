use comfy_table::{ContentArrangement, Table, presets};

use super::value;
use crate::contenders::Contender;
use crate::run::Row;

/// The metrics that count, a column for each contender, in markdown.
#[must_use]
pub fn summary(rows: &[Row]) -> String {
    let mut table = markdown();
    let first: Vec<_> = rows.iter().filter(|row| row.counts()).collect();
    let lines: Vec<_> = first.chunk_by(|a, b| a.is_beside(b)).collect();
    let names = lines.first().into_iter().flat_map(|line| line.iter());
    let head = ["experiment", "measured", "bound"].map(str::to_owned);
    table.set_header(
        head.into_iter()
            .chain(names.map(|row| name(&row.contender))),
    );
    for line in lines {
        let head = [
            line[0].experiment.name.to_owned(),
            line[0].metric.name.to_owned(),
            value::bound(&line[0].metric),
        ];
        table.add_row(
            head.into_iter()
                .chain(line.iter().map(|row| value::cell(row))),
        );
    }
    table.to_string()
}

/// Every metric of every experiment, a table for each, in markdown.
#[must_use]
pub fn details(rows: &[Row]) -> String {
    let mut text = String::new();
    for rows in rows.chunk_by(|a, b| a.experiment.name == b.experiment.name) {
        let experiment = rows[0].experiment;
        let mut table = markdown();
        let heads = experiment
            .metrics
            .iter()
            .map(|metric| match value::bound(metric) {
                bound if bound.is_empty() => metric.name.to_owned(),
                bound => format!("{} ({bound})", metric.name),
            });
        table.set_header(["".to_owned()].into_iter().chain(heads));
        let contenders = rows.len() / experiment.metrics.len();
        for index in 0..contenders {
            let cells = rows[index..].iter().step_by(contenders);
            let head = name(&rows[index].contender);
            table.add_row([head].into_iter().chain(cells.map(value::cell)));
        }
        text += &format!(
            "### {}\n\n{}\n\n{table}\n\n",
            experiment.name, experiment.story
        );
    }
    text
}

/// The contenders and their settings, in markdown.
#[must_use]
pub fn contenders(contenders: &[Contender]) -> String {
    let mut table = markdown();
    table.set_header(["contender", "settings"]);
    for contender in contenders {
        table.add_row([name(contender), contender.settings.to_owned()]);
    }
    table.to_string()
}

fn markdown() -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn name(contender: &Contender) -> String {
    if contender.ours {
        format!("**{}**", contender.name)
    } else {
        contender.name.to_owned()
    }
}
