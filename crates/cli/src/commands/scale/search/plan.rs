//! The plan that was asked for, with what the command line changes.

use std::path::Path;

use efficientnet_search::{Plan, PlanError};
use toml::{Table, Value};

use crate::error::CliError;

/// What a plan's own keys begin with; all others are of its proxy's recipe.
const OWN: [&str; 9] =
    ["name", "about", "baseline", "cost", "multiple", "proxy", "compare", "coefficients", "evolve"];

/// Reads a plan and sets keys in it: `proxy.epochs=2` is one of the plan, `data.train=photographs` of the recipe.
pub fn open(path: &Path, settings: &[String]) -> Result<Plan, CliError> {
    let plan = Plan::open(path)?;
    if settings.is_empty() {
        return Ok(plan);
    }
    let text = std::fs::read_to_string(path).map_err(|error| CliError::reading(path, &error))?;
    let mut table: Table =
        text.parse().map_err(|error: toml::de::Error| CliError::Usage(error.message().to_string()))?;
    for setting in settings {
        set(&mut table, setting)?;
    }
    let dir = path.parent().unwrap_or(Path::new(""));
    let origin = format!("{} with --set", path.display());
    Plan::parse(&table.to_string(), &origin, dir).map_err(|error| without_place(error).into())
}

fn set(table: &mut Table, setting: &str) -> Result<(), CliError> {
    let not_one = || {
        let sentence = "a setting is a key and its value, like `proxy.epochs=2`";
        CliError::Usage(format!("`{setting}`: {sentence}"))
    };
    let (key, value) = setting.split_once('=').ok_or_else(not_one)?;
    let names: Vec<&str> = key.trim().split('.').collect();
    if !OWN.contains(&names[0]) {
        let list = entry(table, &["proxy", "set"], Value::Array(Vec::new())).and_then(Value::as_array_mut);
        list.ok_or_else(not_one)?.push(Value::String(setting.to_string()));
        return Ok(());
    }
    *entry(table, &names, Value::Boolean(false)).ok_or_else(not_one)? = literal(value.trim());
    Ok(())
}

/// The place of a key below its tables, which are made where there are none; `missing` stands in a new one.
fn entry<'a>(table: &'a mut Table, names: &[&str], missing: Value) -> Option<&'a mut Value> {
    let (name, below) = names.split_first()?;
    match below {
        [] => Some(table.entry(*name).or_insert(missing)),
        _ => {
            let inner = table.entry(*name).or_insert_with(|| Value::Table(Table::new()));
            entry(inner.as_table_mut()?, below, missing)
        }
    }
}

/// A value as TOML writes it, or a text without quotes.
fn literal(text: &str) -> Value {
    let table = format!("value = {text}").parse::<Table>().ok();
    let value = table.and_then(|mut table| table.remove("value").filter(|_| table.is_empty()));
    value.unwrap_or_else(|| Value::String(text.to_string()))
}

/// The error without a line of a text that nobody has seen.
fn without_place(error: PlanError) -> PlanError {
    match error {
        PlanError::Key { origin, key, message, .. } => PlanError::Key { origin, place: None, key, message },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(settings: &[&str]) -> Table {
        let mut table: Table = "name = \"a\"\n[proxy]\nepochs = 4\n".parse().unwrap();
        settings.iter().for_each(|setting| set(&mut table, setting).unwrap());
        table
    }

    #[test]
    fn a_key_is_of_the_plan_or_of_its_recipe() {
        let table = with(&["proxy.epochs=2", "data.train=photographs", "schedule.rate = 0.1", "cost=params"]);
        assert_eq!(table["proxy"]["epochs"], Value::Integer(2));
        assert_eq!(table["cost"], Value::String("params".into()));
        let set = table["proxy"]["set"].as_array().unwrap();
        assert_eq!(set.len(), 2);
        assert_eq!(set[0].as_str(), Some("data.train=photographs"));
    }

    #[test]
    fn tables_are_made_and_values_are_toml() {
        let table = with(&["proxy.seeds=[0, 1]", "coefficients.grid.step=0.1"]);
        assert_eq!(table["proxy"]["seeds"].as_array().map(Vec::len), Some(2));
        assert_eq!(table["coefficients"]["grid"]["step"], Value::Float(0.1));
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        let mut table = with(&[]);
        assert!(set(&mut table, "proxy.epochs").is_err());
        assert!(set(&mut table, "name.of.what=1").is_err());
    }
}
