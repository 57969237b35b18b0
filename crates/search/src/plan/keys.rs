//! Which keys there are in a plan.

use efficientnet_runs::document::{Keys, keys_of, nearest};
use efficientnet_scaling::Grid;

use super::error::{Problem, plain_key};
use super::{Arm, Coefficients, Compare, Document, Evolve, Factors, Proxy, Space};

/// A table and who says its keys.
type Table = (&'static str, fn() -> Keys);

/// All tables, and who says their keys; those of the plan itself for the empty name.
const TABLES: [Table; 12] = [
    ("", keys_of::<Document>),
    ("proxy", keys_of::<Proxy>),
    ("compare", keys_of::<Compare>),
    ("compare.arm", keys_of::<Arm>),
    ("compare.arm.from", keys_of::<Factors>),
    ("compare.arm.factors", keys_of::<Factors>),
    ("compare.arm.rule", || &["alpha", "beta", "gamma"]),
    ("coefficients", keys_of::<Coefficients>),
    ("coefficients.grid", keys_of::<Grid>),
    ("coefficients.strategy", || &["kind", "networks", "seed", "eta", "min_epochs"]),
    ("evolve", keys_of::<Evolve>),
    ("evolve.space", keys_of::<Space>),
];

/// What is wrong with a key that there is not; `None` where there is one of this name.
pub(super) fn unknown(name: &str) -> Option<Problem> {
    let plain = plain_key(name);
    let (table, key) = plain.rsplit_once('.').unwrap_or(("", &plain));
    let own = TABLES.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, keys)| keys());
    if own.contains(&key) {
        return None;
    }
    let advice = nearest(key, own.iter().copied())
        .map(|near| near.to_string())
        .or_else(|| elsewhere(key))
        .map_or_else(
            || format!("known here are {}", own.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
    Some(Problem { key: name.to_string(), message: format!("there is no `{plain}`; {advice}") })
}

/// A key of exactly this name, or nearly, in another table.
fn elsewhere(key: &str) -> Option<String> {
    let near = |(table, keys): &Table| {
        let near = nearest(key, keys().iter().copied())?;
        Some(if table.is_empty() { near.to_string() } else { format!("{table}.{near}") })
    };
    let found: Vec<String> = TABLES.iter().filter_map(near).collect();
    let last = |name: &String| name.rsplit('.').next() == Some(key);
    found.iter().find(|name| last(name)).or(found.first()).cloned()
}
