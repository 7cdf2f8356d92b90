use plotters::coord::Shift;
use plotters::prelude::*;

use super::Chart;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), Box<dyn std::error::Error>>;

pub(super) const TEXT: RGBColor = RGBColor(0x1f, 0x23, 0x28);
pub(super) const GRID: RGBColor = RGBColor(0xd1, 0xd9, 0xe0);
pub(super) const SHADE: RGBColor = RGBColor(0xff, 0xe9, 0xe3);
pub(super) const OURS: RGBColor = RGBColor(0x1a, 0x7f, 0x37);
pub(super) const PEER: RGBColor = RGBColor(0x65, 0x6d, 0x76);
pub(super) const LIMIT: RGBColor = RGBColor(0xcf, 0x22, 0x2e);

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

pub(super) fn font(size: u32, color: RGBColor) -> TextStyle<'static> {
    (FONT, size).into_font().color(&color)
}

pub(super) fn draw(
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
