//! Single settings on top of a recipe, `schedule.rate=0.01`, read as the field's type says.

use toml::{Table, Value};

use super::error::{Problem, RecipeError};
use super::read::{Reader, is_known, unknown};
use super::{Recipe, optimizer, rate};

impl Recipe {
    /// The recipe with one key set: `schedule.rate=0.01`, `data.train=photographs`, `model.freeze=3`. Text needs no
    /// quotes; lists are as in TOML. With nothing behind the `=` the key's default counts again, and a whole table goes:
    /// `average=`. With another `optimizer.kind` or `schedule.decay` the parameters of the old one go.
    ///
    /// # Errors
    /// As for a file, with the setting in place of the line.
    pub fn with(&self, setting: &str) -> Result<Self, RecipeError> {
        self.with_all([setting])
    }

    /// As [`Recipe::with`], of several; that they fit together is checked after the last.
    ///
    /// # Errors
    /// As [`Recipe::with`].
    pub fn with_all<'a>(&self, settings: impl IntoIterator<Item = &'a str>) -> Result<Self, RecipeError> {
        let mut settings = settings.into_iter().map(split).collect::<Result<Vec<_>, _>>()?;
        // A kind comes before its parameters, in whatever order they are given.
        settings.sort_by_key(|(_, key, _)| parameters_of(key).is_empty());
        let (mut table, mut done) = (self.table()?, Vec::new());
        for (setting, key, value) in settings {
            if !is_known(key) {
                return Err(unknown(key).of(format!("`{setting}`")));
            }
            done.push((key, setting));
            table = set(&table, key, value).map_err(|error| at_setting(error, &done))?;
        }
        read(&table).map_err(|error| at_setting(error, &done))
    }

    /// All of it as a table.
    pub(super) fn table(&self) -> Result<Table, RecipeError> {
        let unprintable = |error: toml::ser::Error| Problem::new("name", error).of(&self.name);
        Table::try_from(self).map_err(unprintable)
    }
}

/// The setting, its key and its value.
fn split(setting: &str) -> Result<(&str, &str, &str), RecipeError> {
    let parts = setting.split_once('=').map(|(key, value)| (setting, key.trim(), value.trim()));
    let problem = || Problem {
        key: setting.to_string(),
        message: "a setting is a key and its value, like `schedule.rate=0.01`".to_string(),
    };
    parts.filter(|(_, key, _)| !key.is_empty()).ok_or_else(|| problem().of(format!("`{setting}`")))
}

/// The table with a key set to what its type makes of the text.
fn set(table: &Table, key: &str, text: &str) -> Result<Table, RecipeError> {
    if text.is_empty() {
        return Ok(with_value(table, key, None));
    }
    let as_text = with_value(table, key, Some(Value::String(text.to_string())));
    let Some(value) = literal(text) else { return structure(&as_text).map(|()| as_text) };
    let as_literal = with_value(table, key, Some(value));
    match structure(&as_literal) {
        Ok(()) => Ok(as_literal),
        // A name may look like a number.
        Err(error) => structure(&as_text).map(|()| as_text).map_err(|_| error),
    }
}

/// A value as TOML writes it; `None` where it is none, and so a text without quotes.
fn literal(text: &str) -> Option<Value> {
    let mut table: Table = format!("value = {text}").parse().ok()?;
    table.remove("value").filter(|_| table.is_empty())
}

fn with_value(table: &Table, key: &str, value: Option<Value>) -> Table {
    let mut table = table.clone();
    let (of, last) = key.split_once('.').unwrap_or(("", key));
    let place = match of {
        "" => Some(&mut table),
        of => table.entry(of).or_insert_with(|| Value::Table(Table::new())).as_table_mut(),
    };
    let Some(place) = place else { return table };
    if place.get(last) != value.as_ref() {
        place.retain(|name, _| !parameters_of(key).contains(&name));
    }
    match value {
        Some(value) => drop(place.insert(last.to_string(), value)),
        None => drop(place.remove(last)),
    }
    table
}

/// The keys that depend on the value of this one.
fn parameters_of(key: &str) -> &'static [&'static str] {
    match key {
        "optimizer.kind" => &optimizer::PARAMETERS,
        "schedule.decay" => &rate::PARAMETERS,
        _ => &[],
    }
}

/// Whether keys and types are right; not yet whether the values fit together.
fn structure(table: &Table) -> Result<(), RecipeError> {
    let text = table.to_string();
    Reader::new(&text, "").and_then(|reader| reader.document()).map(|_| ())
}

fn read(table: &Table) -> Result<Recipe, RecipeError> {
    Recipe::parse(&table.to_string(), "")
}

/// The error with the setting of its key, or the last one, in place of a place in a text that nobody has seen.
fn at_setting(error: RecipeError, done: &[(&str, &str)]) -> RecipeError {
    let setting = |of: &str| {
        let own = done.iter().rev().find(|(key, _)| *key == of).or(done.last());
        own.map_or(String::new(), |(_, setting)| format!("`{setting}`"))
    };
    match error {
        RecipeError::Key { key, message, .. } => {
            RecipeError::Key { origin: setting(&key), place: None, key, message }
        }
        RecipeError::Syntax { place, reason, .. } => {
            RecipeError::Syntax { origin: setting(""), place, reason }
        }
        other => other,
    }
}
