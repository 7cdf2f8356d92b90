use crate::report::{Chart, contenders, details, losses, misses, summary};
use crate::run::{Plan, Row};

/// The page for the repository, in markdown. It links the charts as files beside it.
#[must_use]
pub fn docs(plan: &Plan, rows: &[Row], charts: &[Chart]) -> String {
    let images: String = charts
        .iter()
        .map(|chart| {
            format!(
                "![{}](storm-{}.svg)\n\n{}.\n\n",
                chart.caption, chart.name, chart.caption
            )
        })
        .collect();
    let list = |items: Vec<String>, none: &str| match items.as_slice() {
        [] => format!("{none}\n"),
        items => items.iter().map(|item| format!("- {item}\n")).collect(),
    };
    format!(
        "<!-- Written by `cargo run --release --example storm -- --docs docs`. Do not edit. -->\n\
         # In a storm\n\n\
         The real layers and what people use today, against a simulated provider on virtual time: the \
         same calls, the same seeds, {seeds} of them. Each cell is the median, with the worst seed in \
         brackets where it differs; ✗ is a bound that is not kept. What differs by less than two per cent \
         counts as equal. Figures are counts of the \
         simulation, not of a machine's speed, so this command repeats them exactly:\n\n\
         ```sh\ncargo run --release --example storm -- --docs docs\n```\n\n\
         {summary}\n\n{images}\
         ## Where this project misses a bound\n\n{misses}\n\
         ## Where another contender is better\n\n{losses}\n\
         ## The contenders\n\n{contenders}\n\n\
         ## All figures\n\n{details}",
        seeds = plan.seeds.len(),
        summary = summary(rows),
        misses = list(misses(rows), "Nowhere."),
        losses = list(losses(rows), "Nowhere."),
        contenders = contenders(&plan.contenders),
        details = details(rows).trim_end().to_owned() + "\n",
    )
}
