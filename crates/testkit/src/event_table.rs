use std::collections::BTreeSet;

use tracing::Level;

use crate::Captured;

/// The table of events in a crate's documentation, to be held against what the crate tells.
///
/// Its rows look like this: level, message, fields, and whatever comes after. A span says so behind its
/// name; what stands in round brackets is a remark.
///
/// ```
/// use tower_steady_testkit::{Capture, EventTable};
///
/// let table = EventTable::parse(
///     "//! # Events\n\
///      //! | level | message | fields | when |\n\
///      //! |---|---|---|---|\n\
///      //! | WARN | `retrying` | `class`, `status` (a number) | before the wait |",
/// );
/// let capture = Capture::start();
/// tracing::warn!(class = "overloaded", "retrying");
/// tracing::warn!(reason = "too long", "giving up");
///
/// assert_eq!(
///     table.differences(&capture.events()),
///     [
///         "not documented: WARN `giving up`",
///         "never seen: field `status` of WARN `retrying`",
///     ]
/// );
/// ```
#[derive(Clone, Debug)]
pub struct EventTable {
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    level: Level,
    message: String,
    is_span: bool,
    fields: Vec<String>,
}

impl EventTable {
    /// Reads every row below the heading `# Events`, up to the next heading, of a source file.
    #[must_use]
    pub fn parse(source: &str) -> Self {
        let docs = source
            .lines()
            .map(|line| line.trim_start_matches("//!").trim());
        let below = docs.skip_while(|line| *line != "# Events").skip(1);
        let section = below.take_while(|line| !line.starts_with('#'));
        Self {
            rows: section.filter_map(Row::parse).collect(),
        }
    }

    /// What is told and not documented, and what is documented and was never told; best with events
    /// that make up for all there are.
    #[must_use]
    pub fn differences(&self, told: &[Captured]) -> Vec<String> {
        let mut differences = Vec::new();
        let mut seen = BTreeSet::new();
        for one in told {
            let named = format!("{} `{}`", one.level, one.message);
            let Some(row) = self.rows.iter().find(|row| row.is_of(one)) else {
                differences.push(format!("not documented: {named}"));
                continue;
            };
            seen.insert(named.clone());
            for (field, _) in &one.fields {
                if !row.fields.iter().any(|known| known == field) {
                    differences.push(format!("not documented: field `{field}` of {named}"));
                }
                seen.insert(format!("field `{field}` of {named}"));
            }
        }
        for row in &self.rows {
            let named = format!("{} `{}`", row.level, row.message);
            let fields = row.fields.iter();
            let fields = fields.map(|field| format!("field `{field}` of {named}"));
            let unseen = [named.clone()].into_iter().chain(fields);
            let unseen = unseen.filter(|one| !seen.contains(one));
            differences.extend(unseen.map(|one| format!("never seen: {one}")));
        }
        differences.dedup();
        differences
    }
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let level = cells.next()?.parse().ok()?;
        let name = cells.next()?;
        let fields = without_remarks(cells.next()?);
        Some(Self {
            level,
            message: name.split('`').nth(1)?.to_owned(),
            is_span: name.ends_with("span"),
            fields: fields
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect(),
        })
    }

    fn is_of(&self, told: &Captured) -> bool {
        self.level == told.level && self.message == told.message && self.is_span == told.is_span
    }
}

fn without_remarks(cell: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::new();
    for letter in cell.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            letter if depth == 0 => kept.push(letter),
            _ => {}
        }
    }
    kept
}
