//! The names of a table's keys, asked of its type, so that they are written down once.

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

use super::document::Document;
use super::{Average, Data, Evaluate, Keep, Model, Progressive, Training, optimizer, rate};

type Keys = &'static [&'static str];
type KeysOf = fn() -> Keys;

/// The tables of a recipe and their keys.
pub(super) const TABLES: [(&str, KeysOf); 9] = [
    ("model", of::<Model>),
    ("data", of::<Data>),
    ("training", of::<Training>),
    ("optimizer", of::<optimizer::Table>),
    ("schedule", of::<rate::Table>),
    ("average", of::<Average>),
    ("progressive", of::<Progressive>),
    ("evaluate", of::<Evaluate>),
    ("keep", of::<Keep>),
];

/// The keys of a table; those of the whole recipe for the empty name.
pub(super) fn keys_in(table: &str) -> Option<Keys> {
    if table.is_empty() {
        return Some(of::<Document>());
    }
    TABLES.iter().find(|(name, _)| *name == table).map(|(_, keys)| keys())
}

/// Every key with its table, in the order of the file.
pub(super) fn all() -> Vec<String> {
    let is_table = |key: &&&str| !TABLES.iter().any(|(name, _)| name == *key);
    let top = of::<Document>().iter().filter(is_table).map(|key| key.to_string());
    let inner =
        TABLES.iter().flat_map(|(table, keys)| keys().iter().map(move |key| format!("{table}.{key}")));
    top.chain(inner).collect()
}

fn of<'de, T: Deserialize<'de>>() -> Keys {
    let mut fields: Keys = &[];
    // It always fails, after it was told the fields.
    let _ = T::deserialize(Asked(&mut fields));
    fields
}

struct Asked<'a>(&'a mut Keys);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is nothing to read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: Keys,
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
