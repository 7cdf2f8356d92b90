use plotters::chart::ChartBuilder;
use plotters::prelude::*;

use super::Chart;
use super::canvas::{GRID, OURS, PEER, SHADE, TEXT, draw, font};
use crate::run::Cell;

/// A chart over time: a small panel for each contender, of its first seed.
struct OverTime {
    experiment: &'static str,
    counted: Counted,
    caption: &'static str,
    /// The time at the left edge, in seconds.
    left: f64,
    /// When the trouble was.
    trouble: (f64, f64),
}

/// What a chart over time counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// Sends in each tenth of a second.
    Sends,
    /// Calls that end well in each second.
    Goodput,
}

const OVER_TIME: [OverTime; 5] = [
    OverTime {
        experiment: "outage-30s",
        counted: Counted::Sends,
        caption: "Requests that reach the provider in each 100 ms; it refuses all of them in the \
                  shaded 30 s",
        left: -10.0,
        trouble: (0.0, 30.0),
    },
    OverTime {
        experiment: "brownout-0.88",
        counted: Counted::Sends,
        caption: "Requests that reach the provider in each 100 ms; it works at 30 % of its speed in \
                  the shaded 30 s and is called at 0.88 of its capacity",
        left: -10.0,
        trouble: (0.0, 30.0),
    },
    OverTime {
        experiment: "brownout-0.88",
        counted: Counted::Goodput,
        caption: "Calls that end well in each second of the same brownout",
        left: -10.0,
        trouble: (0.0, 30.0),
    },
    OverTime {
        experiment: "storm-free",
        counted: Counted::Sends,
        caption: "Requests of 50 workers that reach the provider in each 100 ms, under a limit of one \
                  in each 100 ms; refused calls are free",
        left: 0.0,
        trouble: (0.0, 0.0),
    },
    OverTime {
        experiment: "herd-one-process",
        counted: Counted::Sends,
        caption: "Requests of 200 agents that reach the provider in each 100 ms; it refuses them in \
                  the shaded 10 s and says so in Retry-After",
        left: 0.0,
        trouble: (0.0, 10.0),
    },
];

pub(super) fn charts(cells: &[Cell]) -> impl Iterator<Item = Chart> {
    OVER_TIME.iter().filter_map(|chart| {
        let named = |cell: &&Cell| cell.experiment.name == chart.experiment;
        let cells: Vec<_> = cells.iter().filter(named).collect();
        panels(chart, &cells)
    })
}

/// All panels are on one scale.
fn panels(chart: &OverTime, cells: &[&Cell]) -> Option<Chart> {
    const COLUMNS: usize = 2;
    const HEIGHT: u32 = 110;
    let (ending, bins_a_second) = match chart.counted {
        Counted::Sends => ("", 10.0),
        Counted::Goodput => ("-goodput", 1.0),
    };
    let counts = |cell: &Cell| match chart.counted {
        Counted::Sends => cell.observations[0].per_100_ms.clone(),
        Counted::Goodput => cell.observations[0].goodput.clone(),
    };
    let series: Vec<_> = cells
        .iter()
        .map(|cell| (cell.contender, counts(cell)))
        .collect();
    let (left, trouble) = (chart.left, chart.trouble);
    let name = format!("{}{ending}", chart.experiment);
    let top = series
        .iter()
        .flat_map(|(_, counts)| counts.iter().copied())
        .max()?;
    let length = series.iter().map(|(_, counts)| counts.len()).max()?;
    let right = left + f64::from(u32::try_from(length).ok()?) / bins_a_second;
    let lines = series.len().div_ceil(COLUMNS);
    let height = 20 + HEIGHT * u32::try_from(lines).ok()?;
    let caption = format!("{}; first seed", chart.caption);
    draw(&name, &caption, height, |root| {
        let panels = root.margin(10, 10, 5, 5).split_evenly((lines, COLUMNS));
        for ((contender, counts), panel) in series.iter().zip(&panels) {
            let color = if contender.ours { OURS } else { PEER };
            let mut chart = ChartBuilder::on(panel)
                .margin_right(15)
                .caption(contender.name, font(14, TEXT))
                .x_label_area_size(18)
                .y_label_area_size(34)
                .build_cartesian_2d(left..right, 0.0..f64::from(top) * 1.05)?;
            let shade = [(trouble.0, 0.0), (trouble.1, f64::from(top) * 1.05)];
            chart.draw_series([Rectangle::new(shade, SHADE.filled())])?;
            chart
                .configure_mesh()
                .disable_x_mesh()
                .light_line_style(TRANSPARENT)
                .bold_line_style(GRID)
                .axis_style(GRID)
                .y_labels(3)
                .x_labels(7)
                .label_style(font(11, TEXT))
                .x_label_formatter(&|at| format!("{at:.0} s"))
                .y_label_formatter(&|count| format!("{count:.0}"))
                .draw()?;
            let points = counts.iter().enumerate().map(|(bin, count)| {
                #[expect(clippy::cast_precision_loss, reason = "a few hundred bins")]
                let at = left + bin as f64 / bins_a_second;
                (at, f64::from(*count))
            });
            chart.draw_series(AreaSeries::new(points, 0.0, color.mix(0.35)).border_style(color))?;
        }
        Ok(())
    })
}
