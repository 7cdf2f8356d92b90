use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::{Chart, losses, misses, value};
use crate::run::{Plan, Row};

const STYLE: &str = "
:root{color-scheme:light dark;--line:#d1d9e0;--bad:#cf222e;--ours:#1a7f3718}
@media(prefers-color-scheme:dark){:root{--line:#3d444d;--bad:#ff7b72;--ours:#3fb95022}}
body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.8rem;margin:1rem 0}
th,td{border-bottom:1px solid var(--line);padding:.3rem .5rem;text-align:right;vertical-align:top}
th:first-child,td:first-child{text-align:left;white-space:nowrap}
td.text,th.text{text-align:left;min-width:9rem}
td.bound{white-space:nowrap}
td.ours,th.ours{background:var(--ours);font-weight:600}
.bad{color:var(--bad)}
figure{margin:2.5rem 0}
figcaption{font-weight:600;margin-bottom:.5rem}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}
";

/// The whole report on one page that needs nothing else: no script, no file beside it.
#[must_use]
pub fn html(plan: &Plan, rows: &[Row], charts: &[Chart]) -> String {
    let bounds: Vec<_> = rows
        .iter()
        .filter(|row| row.contender.ours)
        .filter_map(|row| row.holds)
        .collect();
    let kept = bounds.iter().filter(|holds| **holds).count();
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "In a storm: tower-steady beside what people use today" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "In a storm" }
                p {
                    "The real layers of tower-steady and what people use today, against a simulated "
                    "provider on virtual time: the same calls, the same seeds ("
                    (plan.seeds.len()) "). Each cell is the median, with the worst seed in brackets "
                    "where it differs; " span.bad { "✗" } " is a bound that is not kept. What differs by less than two per "
                    "cent counts as equal."
                }
                @if !bounds.is_empty() {
                    p { "Ours keeps " strong { (kept) " of " (bounds.len()) } " bounds." }
                }
                (sentences("Where this project misses a bound", &misses(rows)))
                h2 { "In one table" }
                (summary(rows))
                @for chart in charts {
                    figure { figcaption { (chart.caption) "." } (PreEscaped(&chart.svg)) }
                }
                (sentences("Where another contender is better", &losses(rows)))
                h2 { "All figures" }
                @for rows in rows.chunk_by(|a, b| a.experiment.name == b.experiment.name) {
                    (details(rows))
                }
                h2 { "The contenders" }
                table {
                    @for contender in &plan.contenders {
                        tr {
                            th.ours[contender.ours] scope="row" { (contender.name) }
                            td.text.ours[contender.ours] { (contender.settings) }
                        }
                    }
                }
                h2 { "Again" }
                p { "Figures are counts of the simulation, so this repeats them exactly:" }
                pre { "cargo run --release --example storm -- --seed " (plan.seeds[0]) }
            }
        }
    };
    page.into_string()
}

fn sentences(title: &str, sentences: &[String]) -> Markup {
    markup! {
        h2 { (title) }
        @if sentences.is_empty() {
            p { "Nowhere." }
        } @else {
            ul { @for sentence in sentences { li { (sentence) } } }
        }
    }
}

fn summary(rows: &[Row]) -> Markup {
    let first: Vec<_> = rows.iter().filter(|row| row.counts()).collect();
    let lines: Vec<_> = first.chunk_by(|a, b| a.is_beside(b)).collect();
    markup! {
        div.wide { table {
            thead { tr {
                th { "experiment" } th.text { "measured" } th { "bound" }
                @for row in lines.first().into_iter().flat_map(|line| line.iter()) {
                    th.ours[row.contender.ours] scope="col" { (row.contender.name) }
                }
            } }
            @for line in &lines {
                tr {
                    th scope="row" { a href={ "#" (line[0].experiment.name) } { (line[0].experiment.name) } }
                    td.text { (line[0].metric.name) }
                    td.bound { (value::bound(&line[0].metric)) }
                    @for row in *line { (cell(row)) }
                }
            }
        } }
    }
}

fn details(rows: &[Row]) -> Markup {
    let experiment = rows[0].experiment;
    let contenders = rows.len() / experiment.metrics.len();
    markup! {
        h3 id=(experiment.name) { (experiment.name) }
        p { (experiment.story) }
        div.wide { table {
            thead { tr {
                th {}
                @for metric in experiment.metrics {
                    th scope="col" { (metric.name) br; (value::bound(metric)) }
                }
            } }
            @for index in 0..contenders {
                tr {
                    th.ours[rows[index].contender.ours] scope="row" { (rows[index].contender.name) }
                    @for row in rows[index..].iter().step_by(contenders) { (cell(row)) }
                }
            }
        } }
    }
}

fn cell(row: &Row) -> Markup {
    // A line may break between the median and the worst, not between a number and its unit.
    let text = value::cell(row)
        .replace(' ', "\u{a0}")
        .replace("\u{a0}(", " (");
    markup! {
        td.ours[row.contender.ours].bad[row.holds == Some(false)] { (text) }
    }
}
