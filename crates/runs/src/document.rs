//! What reading a TOML file of ours needs, so that an error names the place and the key, and says what was expected.

use std::fmt;

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

/// Names of keys.
pub type Keys = &'static [&'static str];

/// A place in a text, as editors count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place of a byte, which may lie behind the end or inside a character.
    pub fn of(text: &str, byte: usize) -> Self {
        let before = &text[..text.floor_char_boundary(byte)];
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The names of a table's keys, asked of its type, so that they are written down once.
pub fn keys_of<'de, T: Deserialize<'de>>() -> Keys {
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

/// serde's sentence about a type, in words of a file's reader.
pub fn plain(message: &str) -> String {
    let message = one_line(message);
    let kinds = ["invalid type: ", "invalid value: ", "invalid "];
    let inner = kinds.iter().find_map(|kind| message.strip_prefix(kind));
    let Some((found, expected)) = inner.and_then(|rest| rest.rsplit_once(", expected ")) else {
        return match message.strip_prefix("unknown variant ") {
            Some(rest) => format!("cannot be {}", rest.replacen(", expected one of", "; it is one of", 1)),
            None => format!("cannot be used: {message}"),
        };
    };
    let expected = match expected {
        "f64" => "a number",
        "u64" | "usize" => "a whole number from 0",
        "bool" | "a boolean" => "true or false",
        "an array of length 2" => "a pair like [1, 2]",
        "a string" => "a text",
        "a sequence" => "a list",
        table if table.starts_with("struct ") => "a table",
        other => other,
    };
    let words = [
        ("floating point ", "the number "),
        ("integer ", "the number "),
        ("string ", "the text "),
        ("length ", "a list of "),
    ];
    let ours = words.iter().find_map(|(theirs, ours)| Some(format!("{ours}{}", found.strip_prefix(theirs)?)));
    let found = ours.unwrap_or_else(|| found.to_string());
    format!("is {found}, but {expected} is expected")
}

/// The same without line breaks.
pub fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The known word that is spelled most like `word`, if one is spelled much like it.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |known: &str| strsim::normalized_damerau_levenshtein(word, known);
    let nearest = known.into_iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    nearest.filter(|known| alike(known) >= 0.5)
}
