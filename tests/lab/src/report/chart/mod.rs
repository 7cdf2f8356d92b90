mod bars;
mod canvas;
mod over_time;

use crate::run::{Cell, rows};

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

/// All charts that these cells have the figures for.
#[must_use]
pub fn charts(cells: &[Cell]) -> Vec<Chart> {
    let over_time = over_time::charts(cells);
    over_time.chain(bars::charts(&rows(cells))).collect()
}
