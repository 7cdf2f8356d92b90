//! What the cells came to, for people and for machines.

mod chart;
mod docs;
mod html;
mod json;
mod table;
mod value;
mod words;

pub use self::chart::{Chart, charts};
pub use self::docs::docs;
pub use self::html::html;
pub use self::json::json_lines;
pub use self::table::{contenders, details, summary};
pub use self::words::{losses, misses};
