use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Chart;
use super::canvas::{Area, Drawn, LIMIT, OURS, PEER, TEXT, draw, font};
use crate::report::value;
use crate::run::Row;

/// A chart of one metric, a group of bars for each experiment.
struct Bars {
    name: &'static str,
    caption: &'static str,
    experiments: &'static [&'static str],
    metric: &'static str,
}

const BARS: [Bars; 3] = [
    Bars {
        name: "amplification",
        caption: "Sends for each first try during an outage; less load on a provider that is down is \
                  better",
        experiments: &["outage-30s", "outage-300s"],
        metric: "sends for each first try in the outage",
    },
    Bars {
        name: "recovery",
        caption: "Seconds until the provider serves 95 % of its calls again, once it works at full speed",
        experiments: &["brownout-0.80", "brownout-0.88", "brownout-0.95"],
        metric: "time to recover after it",
    },
    Bars {
        name: "storm",
        caption: "Sends for each success under a rate limit, refused calls free and charged",
        experiments: &["storm-free", "storm-charged"],
        metric: "sends for each success",
    },
];

pub(super) fn charts(rows: &[Row]) -> impl Iterator<Item = Chart> {
    BARS.iter().filter_map(|bars| {
        let of = |experiment: &&str| -> Vec<&Row> {
            let shown =
                |row: &&Row| row.experiment.name == *experiment && row.metric.name == bars.metric;
            rows.iter().filter(shown).collect()
        };
        let groups: Vec<_> = bars.experiments.iter().map(of).collect();
        let groups: Vec<_> = groups
            .into_iter()
            .filter(|group| !group.is_empty())
            .collect();
        side_by_side(bars, &groups)
    })
}

/// A group of bars for each experiment, a bar for each contender: the worst seed, its bound as a
/// line.
fn side_by_side(bars: &Bars, groups: &[Vec<&Row>]) -> Option<Chart> {
    const BAR: i32 = 24;
    let count = i32::try_from(groups.first()?.len()).ok()?;
    let height = u32::try_from(60 + BAR * count).ok()?;
    let caption = format!("{}; worst seed", bars.caption);
    draw(bars.name, &caption, height, |root| {
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
        let end = x(row.worst);
        // Beside the line of the bound and not across it.
        let bound = limit.map(x).filter(|at| (end..end + VALUES).contains(at));
        area.draw(&Text::new(
            text,
            (bound.unwrap_or(end) + 5, middle),
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
