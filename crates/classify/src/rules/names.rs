//! Which rules ask for a name: looked up once for each identifier of a response, instead of comparing
//! each identifier with all the names of all the rules.

use std::sync::LazyLock;

use super::When;
use super::table::TABLE;
use crate::Facts;
use crate::facts::Name;

/// Rules of the table, a bit each by their place.
pub(super) type Places = u64;

const _: () = assert!(TABLE.len() <= Places::BITS as usize, "a bit for each rule");

/// Each name with the rule that asks for it, sorted by the name's hash.
static NAMES: LazyLock<Vec<(Name, Places)>> = LazyLock::new(|| {
    let mut names: Vec<_> = TABLE
        .iter()
        .enumerate()
        .flat_map(|(place, rule)| {
            let names = match rule.when {
                When::Id(names) => names,
                _ => &[],
            };
            names.iter().map(move |name| (*name, 1 << place))
        })
        .collect();
    names.sort_by_key(|(name, _)| name.hash());
    names
});

/// The rules that ask for one of the identifiers found.
pub(super) fn asked_for(facts: &Facts<'_>) -> Places {
    let mut places = 0;
    for id in facts.found_ids() {
        let start = NAMES.partition_point(|(name, _)| name.hash() < id.hash());
        let same_hash = NAMES[start..]
            .iter()
            .take_while(|(name, _)| name.hash() == id.hash());
        for (_, place) in same_hash.filter(|(name, _)| id.is(name)) {
            places |= place;
        }
    }
    places
}

/// All names that rules ask for.
#[cfg(test)]
pub(crate) fn all_names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _)| name.text())
}
