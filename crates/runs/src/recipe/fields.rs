//! The names of a table's keys, asked of its type, so that they are written down once.

use super::document::Document;
use super::{Average, Data, Evaluate, Keep, Model, Progressive, Training, optimizer, rate};
use crate::document::{Keys, keys_of};

type KeysOf = fn() -> Keys;

/// The tables of a recipe and their keys.
pub(super) const TABLES: [(&str, KeysOf); 9] = [
    ("model", keys_of::<Model>),
    ("data", keys_of::<Data>),
    ("training", keys_of::<Training>),
    ("optimizer", keys_of::<optimizer::Table>),
    ("schedule", keys_of::<rate::Table>),
    ("average", keys_of::<Average>),
    ("progressive", keys_of::<Progressive>),
    ("evaluate", keys_of::<Evaluate>),
    ("keep", keys_of::<Keep>),
];

/// The keys of a table; those of the whole recipe for the empty name.
pub(super) fn keys_in(table: &str) -> Option<Keys> {
    if table.is_empty() {
        return Some(keys_of::<Document>());
    }
    TABLES.iter().find(|(name, _)| *name == table).map(|(_, keys)| keys())
}

/// Every key with its table, in the order of the file.
pub(super) fn all() -> Vec<String> {
    let is_table = |key: &&&str| !TABLES.iter().any(|(name, _)| name == *key);
    let top = keys_of::<Document>().iter().filter(is_table).map(|key| key.to_string());
    let inner =
        TABLES.iter().flat_map(|(table, keys)| keys().iter().map(move |key| format!("{table}.{key}")));
    top.chain(inner).collect()
}
