//! Whether two recipes are the same run.
//!
//! The same run is the one that may go on where the other stopped: every number in its journal would be the same. Not a part of
//! that are the name, `[keep]` and `data.workers`; nor `training.epochs` where neither the rate nor progressive learning depends
//! on it, so that such a run may be prolonged.

use std::fmt;

use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::{Recipe, RecipeError, fields};

/// A key that makes two recipes different runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// With its table: `schedule.rate`.
    pub key: String,
    /// Its value in the one recipe, as TOML writes it; `None` where the key has none.
    pub own: Option<String>,
    /// Its value in the other.
    pub other: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "not given".to_string());
        write!(f, "`{}` is {} here and {} there", self.key, shown(&self.own), shown(&self.other))
    }
}

impl Recipe {
    /// What makes the run the same run, as 64 hexadecimal digits.
    ///
    /// A release that knows another key gives the same recipe another hash, so what is compared with a run that was
    /// begun is the recipe in its folder, read again, and not a hash that was kept.
    ///
    /// # Errors
    /// As [`Recipe::to_toml`].
    pub fn hash(&self) -> Result<String, RecipeError> {
        let digest = Sha256::digest(self.essence()?.to_string());
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The keys that make this recipe another run than `other`, in the order of the file; none where the one may go on
    /// from the other's checkpoints, and then both have the same [hash](Recipe::hash).
    ///
    /// # Errors
    /// As [`Recipe::to_toml`].
    pub fn differences(&self, other: &Self) -> Result<Vec<Difference>, RecipeError> {
        let (own, other) = (self.essence()?, other.essence()?);
        let differences = fields::all().into_iter().filter_map(|key| {
            let (own, other) = (shown(&own, &key), shown(&other, &key));
            (own != other).then_some(Difference { key, own, other })
        });
        Ok(differences.collect())
    }

    /// All keys that change a result.
    fn essence(&self) -> Result<Table, RecipeError> {
        let mut table = self.table()?;
        table.remove("name");
        table.remove("keep");
        remove(&mut table, "data", "workers");
        if self.progressive.is_none() && !self.schedule.decay.depends_on_epochs() {
            remove(&mut table, "training", "epochs");
        }
        Ok(table)
    }
}

fn remove(table: &mut Table, inner: &str, key: &str) {
    if let Some(inner) = table.get_mut(inner).and_then(Value::as_table_mut) {
        inner.remove(key);
    }
}

/// The value of a key with its table, as TOML writes it.
fn shown(table: &Table, key: &str) -> Option<String> {
    let value = match key.split_once('.') {
        Some((inner, key)) => table.get(inner)?.get(key),
        None => table.get(key),
    };
    value.map(Value::to_string)
}
