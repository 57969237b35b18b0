//! From text to a [`Document`], with the place of whatever is wrong.
//!
//! Keys are looked at before values, so that a misspelt key is not reported as the missing one it was meant to be.

use std::collections::BTreeMap;
use std::ops::Range;

use efficientnet_data::{Transform, TransformError};
use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::document::{Document, REQUIRED};
use super::error::{Place, Problem, RecipeError};
use super::fields::{self, keys_in};
use crate::document::{one_line, plain};

/// A recipe's text with the places of its keys.
pub(super) struct Reader<'a> {
    text: &'a str,
    origin: &'a str,
    /// Each key with its table; where it stands, and where its value does.
    entries: BTreeMap<String, Entry>,
}

struct Entry {
    key: Range<usize>,
    value: Range<usize>,
    is_table: bool,
    /// The value, where it is a text.
    string: Option<String>,
}

impl<'a> Reader<'a> {
    /// # Errors
    /// [`RecipeError::Syntax`] where the text is no TOML.
    pub fn new(text: &'a str, origin: &'a str) -> Result<Self, RecipeError> {
        let root = DeTable::parse(text).map_err(|error| syntax(&error, text, origin))?;
        let mut entries = BTreeMap::new();
        let mut add = |name: String, key: Range<usize>, value: &toml::Spanned<DeValue<'_>>| {
            let string = value.get_ref().as_str().map(str::to_string);
            let is_table = value.get_ref().is_table();
            entries.insert(name, Entry { key, value: value.span(), is_table, string });
        };
        for (key, value) in root.get_ref() {
            add(key.get_ref().to_string(), key.span(), value);
            for (inner, value) in value.get_ref().as_table().into_iter().flatten() {
                add(format!("{}.{}", key.get_ref(), inner.get_ref()), inner.span(), value);
            }
        }
        Ok(Self { text, origin, entries })
    }

    /// # Errors
    /// [`RecipeError::Key`] for the first thing that is wrong.
    pub fn document(&self) -> Result<Document, RecipeError> {
        self.check_keys()?;
        for key in ["data.transform", "data.eval_transform"] {
            self.check_transform(key)?;
        }
        let parsed = toml::Deserializer::parse(self.text);
        let parsed = parsed.map_err(|error| syntax(&error, self.text, self.origin))?;
        Document::deserialize(parsed).map_err(|error| self.of_type(&error))
    }

    /// The problem at the place of its key's value.
    pub fn locate(&self, problem: Problem) -> RecipeError {
        let table = problem.key.split('.').next().unwrap_or_default();
        let entry = self.entries.get(&problem.key).map(|entry| entry.value.start);
        let byte = entry.or_else(|| self.entries.get(table).map(|entry| entry.key.start));
        let place = byte.map(|byte| Place::of(self.text, byte));
        problem.at(self.origin, place)
    }

    fn check_keys(&self) -> Result<(), RecipeError> {
        let strangers = self.entries.iter().filter(|(name, _)| !is_known(name));
        if let Some((name, entry)) = strangers.min_by_key(|(_, entry)| entry.key.start) {
            let place = Place::of(self.text, entry.key.start);
            return Err(unknown(name).at(self.origin, Some(place)));
        }
        let is_table = |name: &str| fields::TABLES.iter().any(|(table, _)| *table == name);
        let flat = self.entries.iter().find(|(name, entry)| is_table(name) && !entry.is_table);
        if let Some((name, _)) = flat {
            return Err(
                self.locate(Problem::new(name, format!("is a table: its keys stand below a line [{name}]")))
            );
        }
        let is_optional =
            |key: &str| key.starts_with("progressive.") && !self.entries.contains_key("progressive");
        match REQUIRED.iter().find(|key| !self.entries.contains_key(**key) && !is_optional(key)) {
            Some(key) => Err(self.locate(Problem::new(key, "is missing, and has no default"))),
            None => Ok(()),
        }
    }

    fn check_transform(&self, key: &str) -> Result<(), RecipeError> {
        let Some(Entry { value, string: Some(line), .. }) = self.entries.get(key) else { return Ok(()) };
        let Err(error) = line.parse::<Transform>() else { return Ok(()) };
        // Between plain quotes, without escapes, the line stands in the file as it is.
        let shown =
            self.text.get(value.clone()).and_then(|shown| shown.get(1..shown.len().saturating_sub(1)));
        let inside = if shown == Some(line) { 1 + error.place.start } else { 0 };
        let place = Place::of(self.text, value.start + inside);
        Err(transform_problem(key, &error).at(self.origin, Some(place)))
    }

    /// What serde says of a value, with the key that it belongs to.
    fn of_type(&self, error: &toml::de::Error) -> RecipeError {
        let span = error.span().unwrap_or_default();
        let holds = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
        let of_key = |(_, entry): &(&String, &Entry)| holds(&entry.value) || holds(&entry.key);
        // A table's value holds those of its keys, whose names are longer.
        let found = self.entries.iter().filter(of_key).max_by_key(|(name, _)| name.len());
        let (name, start) = found.map_or(("", 0), |(name, entry)| (name.as_str(), entry.value.start));
        let start = start.max(span.start);
        Problem::new(name, plain(error.message())).at(self.origin, Some(Place::of(self.text, start)))
    }
}

/// What is wrong with a transform, as the data crate shows it, the place marked.
pub(super) fn transform_problem(key: &str, error: &TransformError) -> Problem {
    Problem { key: key.to_string(), message: format!("`{key}`: {error}") }
}

fn syntax(error: &toml::de::Error, text: &str, origin: &str) -> RecipeError {
    let place = Place::of(text, error.span().map_or(text.len(), |span| span.start));
    RecipeError::Syntax { origin: origin.to_string(), place, reason: one_line(error.message()) }
}

/// Whether there is such a key or table.
pub(super) fn is_known(name: &str) -> bool {
    match name.split_once('.') {
        None => keys_in("").is_some_and(|keys| keys.contains(&name)),
        Some((table, key)) => keys_in(table).is_some_and(|keys| !table.is_empty() && keys.contains(&key)),
    }
}

/// A key that there is not.
pub(super) fn unknown(name: &str) -> Problem {
    Problem { key: name.to_string(), message: format!("there is no `{name}`; {}", advice(name)) }
}

/// What an unknown key may have been meant as: one that is spelled alike, in its table or in another.
fn advice(name: &str) -> String {
    let (table, key) = name.split_once('.').unwrap_or(("", name));
    let likeness = |known: &String| {
        let (of, last) = known.split_once('.').unwrap_or(("", known));
        let alike = strsim::normalized_damerau_levenshtein(key, last);
        let place = if of == table { 0.0 } else { 0.25 };
        alike - place
    };
    let tables = fields::TABLES.iter().filter(|_| table.is_empty()).map(|(name, _)| name.to_string());
    let known = fields::all().into_iter().chain(tables);
    let nearest = known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|known| likeness(known) >= 0.5) {
        Some(known) => format!("did you mean `{known}`?"),
        None => {
            let own = keys_in(table).or_else(|| keys_in("")).unwrap_or_default();
            format!("known here are {}", own.join(", "))
        }
    }
}
