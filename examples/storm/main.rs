//! What happens in a storm: the layers of this project beside what people use instead, against a
//! simulated provider on virtual time.
//!
//! ```sh
//! cargo run --release --example storm
//! cargo run --release --example storm -- --only storm,herd --json
//! ```

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use lab::contenders;
use lab::experiments::{self, Experiment, Size};
use lab::report::{self, Chart};
use lab::run::{Plan, rows};

/// Runs the experiments and writes what came of them.
#[derive(Parser)]
#[command(about, max_term_width = 100)]
struct Options {
    /// Only experiments whose names begin so; several separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// The first seed; each cell is run with this many in a row
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Print one JSON object a line instead of tables
    #[arg(long)]
    json: bool,
    /// Where the HTML report goes
    #[arg(long, default_value = "target/storm.html", value_name = "FILE")]
    report: PathBuf,
    /// Write the page for the repository and its charts into this directory too
    #[arg(long, value_name = "DIR")]
    docs: Option<PathBuf>,
}

/// The charts that the repository shows.
const SHOWN: [&str; 2] = ["outage-30s", "recovery"];

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let plan = Plan {
        experiments: chosen(&options.only)?,
        contenders: contenders::ALL.to_vec(),
        seeds: (options.seed..options.seed.saturating_add(options.seeds)).collect(),
        size: Size::Full,
    };
    let bar = ProgressBar::new(u64::try_from(plan.simulations())?).with_style(
        ProgressStyle::with_template("{wide_bar} {pos}/{len} simulations, {eta} left")?,
    );
    let cells = plan.run(|| bar.inc(1));
    bar.finish_and_clear();

    let rows = rows(&cells);
    let charts = report::charts(&cells);
    if options.json {
        print!("{}", report::json_lines(&rows));
    } else {
        println!(
            "{}\n\n{}",
            report::details(&rows).trim_end(),
            report::summary(&rows)
        );
        print_list("Where this project misses a bound:", &report::misses(&rows));
        print_list("Where another contender is better:", &report::losses(&rows));
    }
    write(&options.report, &report::html(&plan, &rows, &charts))?;
    if let Some(directory) = &options.docs {
        let shown: Vec<Chart> = charts
            .into_iter()
            .filter(|chart| SHOWN.contains(&&*chart.name))
            .collect();
        write(
            &directory.join("storm.md"),
            &report::docs(&plan, &rows, &shown),
        )?;
        for chart in &shown {
            write(
                &directory.join(format!("storm-{}.svg", chart.name)),
                &chart.svg,
            )?;
        }
    }
    Ok(())
}

fn chosen(only: &[String]) -> Result<Vec<Experiment>, Box<dyn Error>> {
    let mut chosen = experiments::ALL.to_vec();
    for name in only {
        if !chosen
            .iter()
            .any(|experiment| experiment.name.starts_with(name.as_str()))
        {
            let names: Vec<_> = chosen.iter().map(|experiment| experiment.name).collect();
            return Err(format!("no experiment begins with {name:?}; there are {names:?}").into());
        }
    }
    chosen.retain(|experiment| {
        only.is_empty()
            || only
                .iter()
                .any(|name| experiment.name.starts_with(name.as_str()))
    });
    Ok(chosen)
}

fn print_list(title: &str, items: &[String]) {
    println!("\n{title}");
    if items.is_empty() {
        println!("- nowhere");
    }
    for item in items {
        println!("- {item}");
    }
}

fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}
