use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::value;
use crate::run::{Cell, Row, rows};

/// A drawing with its caption.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The name of its file, without the ending.
    pub name: String,
    /// What it shows.
    pub caption: String,
    /// The drawing: SVG that follows the reader's choice of a light or dark scheme.
    pub svg: String,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

const TEXT: RGBColor = RGBColor(0x1f, 0x23, 0x28);
const GRID: RGBColor = RGBColor(0xd1, 0xd9, 0xe0);
const SHADE: RGBColor = RGBColor(0xff, 0xe9, 0xe3);
const OURS: RGBColor = RGBColor(0x1a, 0x7f, 0x37);
const PEER: RGBColor = RGBColor(0x65, 0x6d, 0x76);
const LIMIT: RGBColor = RGBColor(0xcf, 0x22, 0x2e);

/// The colours above in the dark scheme. Rules of a style sheet win over attributes of an element,
/// so the drawing needs no other change.
const DARK: [(RGBColor, &str); 6] = [
    (TEXT, "#f0f6fc"),
    (GRID, "#3d444d"),
    (SHADE, "#4a2320"),
    (OURS, "#3fb950"),
    (PEER, "#9198a1"),
    (LIMIT, "#ff7b72"),
];

const WIDTH: u32 = 960;
const FONT: &str = "system-ui, sans-serif";

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
        caption: "The same: calls that end well in each second",
        left: -10.0,
        trouble: (0.0, 30.0),
    },
    OverTime {
        experiment: "storm-free",
        counted: Counted::Sends,
        caption: "Requests of 50 workers that reach the provider in each 100 ms, under a limit of one \
                  in each 100 ms",
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

/// All charts that these cells have the figures for.
#[must_use]
pub fn charts(cells: &[Cell]) -> Vec<Chart> {
    let rows = rows(cells);
    let bars = [
        (
            "amplification",
            "Sends for each first try during an outage; less load on a provider that is down is better",
            ["outage-30s", "outage-300s"].as_slice(),
        ),
        (
            "recovery",
            "Seconds until the provider serves 95 % of its calls again, once it works at full speed",
            ["brownout-0.80", "brownout-0.88", "brownout-0.95"].as_slice(),
        ),
        (
            "storm",
            "Sends for each success under a rate limit, refused calls free and charged",
            ["storm-free", "storm-charged"].as_slice(),
        ),
    ];
    let over_time = OVER_TIME.iter().filter_map(|chart| {
        let named = |cell: &&Cell| cell.experiment.name == chart.experiment;
        let cells: Vec<_> = cells.iter().filter(named).collect();
        over_time(chart, &cells)
    });
    let bars = bars.iter().filter_map(|(name, caption, experiments)| {
        let metric = usize::from(*name == "storm");
        let groups = experiments.iter().map(|experiment| {
            let named = rows.iter().filter(|row| row.experiment.name == *experiment);
            named
                .filter(|row| row.metric.name == row.experiment.metrics[metric].name)
                .collect()
        });
        let groups: Vec<Vec<&Row>> = groups.filter(|group: &Vec<_>| !group.is_empty()).collect();
        bars_side_by_side(name, caption, &groups)
    });
    over_time.chain(bars).collect()
}

/// All panels are on one scale.
fn over_time(chart: &OverTime, cells: &[&Cell]) -> Option<Chart> {
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
    draw(&name, chart.caption, height, |root| {
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

/// A group of bars for each experiment, a bar for each contender: the worst seed, its bound as a
/// line.
fn bars_side_by_side(name: &str, caption: &str, groups: &[Vec<&Row>]) -> Option<Chart> {
    const BAR: i32 = 24;
    let count = i32::try_from(groups.first()?.len()).ok()?;
    let height = u32::try_from(60 + BAR * count).ok()?;
    draw(name, caption, height, |root| {
        let areas = root.margin(5, 5, 5, 5).split_evenly((1, groups.len()));
        for (group, area) in groups.iter().zip(&areas) {
            bar_group(group, area, BAR)?;
        }
        Ok(())
    })
}

fn bar_group(group: &[&Row], area: &Area<'_>, bar: i32) -> Drawn {
    const NAMES: i32 = 120;
    const VALUES: i32 = 62;
    let (width, _) = area.dim_in_pixel();
    let room = f64::from(i32::try_from(width)? - NAMES - VALUES);
    let finite = group
        .iter()
        .map(|row| row.worst)
        .filter(|worst| worst.is_finite());
    let limit = group.iter().find_map(|row| row.limit);
    let most = finite
        .chain(limit)
        .fold(0.0, f64::max)
        .max(f64::MIN_POSITIVE);
    #[expect(clippy::cast_possible_truncation, reason = "within the drawing")]
    let x = |value: f64| NAMES + (value.min(most) / most * room) as i32;
    let title = group[0].experiment.name;
    area.draw(&Text::new(title, (NAMES, 4), font(14, TEXT)))?;
    let centred = |size, color, h| font(size, color).pos(Pos::new(h, VPos::Center));
    let mut y = 26;
    for row in group {
        let color = if row.contender.ours { OURS } else { PEER };
        let middle = y + bar / 2;
        let name = centred(12, TEXT, HPos::Right);
        area.draw(&Text::new(row.contender.name, (NAMES - 6, middle), name))?;
        let style = if row.worst.is_finite() {
            color.filled()
        } else {
            color.mix(0.3).filled()
        };
        area.draw(&Rectangle::new(
            [(NAMES, y + 4), (x(row.worst), y + bar - 4)],
            style,
        ))?;
        let text = value::value(row.worst, row.metric.unit);
        area.draw(&Text::new(
            text,
            (x(row.worst) + 5, middle),
            centred(12, TEXT, HPos::Left),
        ))?;
        y += bar;
    }
    if let Some(limit) = limit {
        let line = vec![(x(limit), 24), (x(limit), y)];
        area.draw(&PathElement::new(line, LIMIT.stroke_width(1)))?;
        let text = format!("bound {}", value::value(limit, group[0].metric.unit));
        area.draw(&Text::new(
            text,
            (x(limit), y + 10),
            centred(11, LIMIT, HPos::Center),
        ))?;
    }
    Ok(())
}

fn font(size: u32, color: RGBColor) -> TextStyle<'static> {
    (FONT, size).into_font().color(&color)
}

fn draw(
    name: &str,
    caption: &str,
    height: u32,
    content: impl FnOnce(&Area<'_>) -> Drawn,
) -> Option<Chart> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    // Drawing into a string fails only on a drawing that has no room; then there is no chart.
    content(&root).and_then(|()| Ok(root.present()?)).ok()?;
    drop(root);
    Some(Chart {
        name: name.to_owned(),
        caption: caption.to_owned(),
        svg: dress(&svg, caption),
    })
}

/// Adds what the plotting crate does not write: a name for those who cannot see it, a size that
/// follows the page, and the dark scheme.
fn dress(svg: &str, caption: &str) -> String {
    let dark: String = DARK
        .iter()
        .map(|(RGBColor(r, g, b), dark)| {
            let light = format!("#{r:02X}{g:02X}{b:02X}");
            format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}")
        })
        .collect();
    let caption = caption.replace('&', "&amp;").replace('<', "&lt;");
    let opening =
        format!("<svg role=\"img\" aria-label=\"{caption}\" style=\"max-width:100%;height:auto\" ");
    let style = format!("<style>@media(prefers-color-scheme:dark){{{dark}}}</style>\n<");
    let svg = svg.replacen("<svg ", &opening, 1);
    match svg.split_once(">\n<") {
        Some((head, rest)) => format!("{head}>\n{style}{rest}"),
        None => svg,
    }
}
