//! What can stand between markers: tables made of lists of JSON objects.
//!
//! - `models`: what `efficientnet models --json` prints;
//! - `scale-table` and `scale-paper`: what `efficientnet scale table --json` and `efficientnet scale paper --json` print;
//! - `parity`: the file `docs/parity.json`.
//!
//! All take `columns=a,b` (which fields, in which order; otherwise all plain ones of the first object) and
//! `where=field:value` (only these objects).

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::markers::Marker;
use crate::build;
use crate::error::{Context, Error, Result};
use crate::process;
use crate::report;
use crate::system::System;

/// The lists, each made once.
pub struct Sources {
    root: PathBuf,
    lists: HashMap<String, Vec<Map<String, Value>>>,
}

impl Sources {
    /// Nothing read yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root, lists: HashMap::new() }
    }

    /// The table that a marker asks for.
    pub fn table(&mut self, marker: &Marker<'_>) -> Result<String> {
        marker.allow(&["columns", "where"])?;
        if !self.lists.contains_key(marker.name) {
            let value = self.read(marker.name)?;
            self.lists.insert(marker.name.to_string(), objects(value, marker.name)?);
        }
        table(&self.lists[marker.name], marker)
    }

    fn read(&self, name: &str) -> Result<Value> {
        match name {
            "models" => printed(&["models", "--json"]),
            "scale-table" => printed(&["scale", "table", "--json"]),
            "scale-paper" => printed(&["scale", "paper", "--json"]),
            "parity" => {
                let path = self.root.join("docs").join("parity.json");
                let text = fs::read_to_string(&path).doing(|| "cannot read docs/parity.json".into())?;
                serde_json::from_str(&text).doing(|| "docs/parity.json is no JSON".into())
            }
            other => Err(Error::usage(format!(
                "nothing makes a part called `{other}`: there are models, scale-table, scale-paper, parity"
            ))),
        }
    }
}

/// What the `efficientnet` command prints, built first where it is not.
fn printed(arguments: &[&str]) -> Result<Value> {
    let system = System::here();
    let built = build::build(&[], false, "release", &system)?;
    let captured = process::capture(built.command(&system).args(arguments), None)?;
    serde_json::from_str(&captured.stdout).map_err(|error| {
        Error::failure(format!(
            "`efficientnet {}` printed no JSON ({error}): {}",
            arguments.join(" "),
            captured.stderr.trim()
        ))
    })
}

/// The list itself, or the only list inside an object, or what an object keeps under the networks' names.
fn objects(value: Value, name: &str) -> Result<Vec<Map<String, Value>>> {
    let list = match value {
        Value::Array(list) => Some(list),
        Value::Object(map) if !map.is_empty() && map.values().all(Value::is_object) => Some(by_name(map)),
        Value::Object(map) => {
            let mut lists = map.into_iter().filter_map(|(_, value)| match value {
                Value::Array(list) => Some(list),
                _ => None,
            });
            lists.next().filter(|_| lists.next().is_none())
        }
        _ => None,
    };
    let list = list.ok_or_else(|| Error::failure(format!("`{name}` is no list of objects")))?;
    list.into_iter()
        .map(|item| match item {
            Value::Object(map) => Ok(map),
            _ => Err(Error::failure(format!("`{name}` has an entry that is no object"))),
        })
        .collect()
}

/// `{"resnet18": {"flex": 1e-6}}` as `[{"model": "resnet18", "flex": 1e-6}]`.
fn by_name(map: Map<String, Value>) -> Vec<Value> {
    let object = |(name, fields): (String, Value)| {
        let mut object = Map::from_iter([("model".to_string(), Value::String(name))]);
        object.extend(fields.as_object().cloned().unwrap_or_default());
        Value::Object(object)
    };
    map.into_iter().map(object).collect()
}

fn table(list: &[Map<String, Value>], marker: &Marker<'_>) -> Result<String> {
    let filter = match marker.get("where").map(|text| text.split_once(':').ok_or(text)) {
        None => None,
        Some(Ok(pair)) => Some(pair),
        Some(Err(text)) => {
            return Err(Error::usage(format!("`where={text}` is not written as where=field:value")));
        }
    };
    let chosen: Vec<_> = list
        .iter()
        .filter(|item| filter.is_none_or(|(key, value)| item.get(key).is_some_and(|v| plain(v) == value)))
        .collect();
    let Some(first) = chosen.first() else {
        return Err(Error::failure(format!("no entry of `{}` is left for the table", marker.name)));
    };
    let mut columns = marker.list("columns");
    if columns.is_empty() {
        columns = first
            .iter()
            .filter(|(_, v)| !v.is_array() && !v.is_object())
            .map(|(key, _)| key.as_str())
            .collect();
    }
    if let Some(unknown) =
        columns.iter().find(|column| !chosen.iter().any(|item| item.contains_key(**column)))
    {
        let known: Vec<_> = first.keys().map(String::as_str).collect();
        return Err(Error::usage(format!(
            "`{}` has no field `{unknown}`: there are {}",
            marker.name,
            known.join(", ")
        )));
    }
    let headings: Vec<String> = columns
        .iter()
        .map(|column| {
            let number = chosen.iter().any(|item| item.get(*column).is_some_and(Value::is_number));
            format!("{}{}", if number { "#" } else { "" }, heading(column))
        })
        .collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = chosen
        .iter()
        .map(|item| {
            columns.iter().map(|column| cell(column, item.get(*column).unwrap_or(&Value::Null))).collect()
        })
        .collect();
    Ok(report::markdown_table(&headings, &rows))
}

/// `max_abs_diff` reads `Max abs diff`; a few have names of their own.
fn heading(column: &str) -> String {
    match column {
        "name" | "model" => "Network".to_string(),
        "params" => "Parameters".to_string(),
        "macs" => "MACs".to_string(),
        "macs_fvcore" => "MACs (fvcore)".to_string(),
        "resolution" => "Pixels".to_string(),
        "top1" => "Top-1 %".to_string(),
        "top5" => "Top-5 %".to_string(),
        "max_abs" => "Largest difference".to_string(),
        "max_rel" => "Relative".to_string(),
        "phi" => "phi".to_string(),
        "phi_depth" => "phi of d".to_string(),
        "phi_width" => "phi of w".to_string(),
        "phi_resolution" => "phi of r".to_string(),
        "phi_macs" => "log2 of the cost".to_string(),
        "phi_fit" => "Best phi".to_string(),
        "nominal_ratio" => "Nominal cost".to_string(),
        "macs_ratio" => "Realised cost".to_string(),
        "paper_gmacs" => "Paper's 10^9 MACs".to_string(),
        "paper_mparams" => "Paper's 10^6 parameters".to_string(),
        "macs_delta_percent" | "params_delta_percent" => "Delta %".to_string(),
        other => {
            let words = other.replace('_', " ");
            let mut letters = words.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    }
}

fn cell(column: &str, value: &Value) -> String {
    match value {
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) if matches!(column, "params" | "macs" | "macs_fvcore" | "activations") => {
                grouped(whole)
            }
            (Some(whole), _) => whole.to_string(),
            (None, Some(part)) if column.starts_with("phi_") || column.ends_with("_ratio") => {
                format!("{part:.2}")
            }
            (None, Some(part)) if part != 0.0 && part.abs() < 1e-3 => format!("{part:.1e}"),
            _ => number.to_string(),
        },
        Value::String(text) if matches!(column, "name" | "model") => format!("`{text}`"),
        Value::String(text) if column == "agreement" => text.replace('_', " "),
        other => plain(other),
    }
}

/// `5,288,548`: a table of the docs is where someone looks the exact number up.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_string(),
        Value::Bool(false) => "no".to_string(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::markers::rewrite;
    use super::*;

    fn make(value: Value, marker: &str) -> Result<String> {
        let list = objects(value, "models").unwrap();
        let text = format!("<!-- generated: models {marker} -->\n<!-- /generated -->\n");
        rewrite(&text, &mut |marker| table(&list, marker))
            .map(|text| text.lines().skip(1).collect::<Vec<_>>().join("\n"))
    }

    fn models() -> Value {
        json!([
            {"name": "efficientnet-b0", "family": "v1", "params": 5_288_548, "resolution": 224, "stages": [1], "max_rel": 3.1e-6},
            {"name": "resnet18", "family": "resnet", "params": 11_689_512, "resolution": 224, "max_rel": null},
        ])
    }

    #[test]
    fn all_plain_fields_by_default() {
        let text = make(models(), "").unwrap();
        assert!(
            text.starts_with(
                "| Network | Family | Parameters | Pixels | Relative |\n|---|---|---:|---:|---:|\n"
            ),
            "{text}"
        );
        assert!(text.contains("| `efficientnet-b0` | v1 | 5,288,548 | 224 | 3.1e-6 |"), "{text}");
        assert!(text.contains("| `resnet18` | resnet | 11,689,512 | 224 |  |"), "{text}");
    }

    #[test]
    fn objects_under_names_become_rows() {
        let text = make(json!({"b": {"flex": 2e-6, "tch": 0.5}, "a": {"flex": 1e-7}}), "").unwrap();
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(rows[..2], ["| `b` | 2.0e-6 | 0.5 |", "| `a` | 1.0e-7 |  |"]);
    }

    #[test]
    fn columns_and_rows_are_chosen() {
        let text =
            make(json!({"rows": models(), "made_by": "x"}), "columns=params,name where=family:v1").unwrap();
        assert_eq!(
            text,
            "| Parameters | Network |\n|---:|---|\n| 5,288,548 | `efficientnet-b0` |\n<!-- /generated -->"
        );
    }

    #[test]
    fn mistakes_say_what_there_is() {
        let error = make(models(), "columns=nmae").unwrap_err();
        assert!(error.message.contains("`nmae`") && error.message.contains("name, family"), "{error}");
        assert!(make(models(), "where=family").is_err());
        assert!(make(models(), "where=family:none").is_err());
        assert!(objects(json!("text"), "models").is_err());
    }

    #[test]
    fn derived_figures_have_two_digits() {
        let text = make(json!([{"phi": 1.0, "phi_fit": 0.378_762, "macs_ratio": 102.803_1}]), "").unwrap();
        assert!(text.starts_with("| phi | Best phi | Realised cost |\n"), "{text}");
        assert!(text.contains("| 1.0 | 0.38 | 102.80 |"), "{text}");
    }

    #[test]
    fn an_unknown_source_is_refused() {
        let error = Sources::new("/nowhere".into()).read("moddels").unwrap_err();
        assert!(error.message.contains("models, scale-table, scale-paper, parity"), "{error}");
    }
}
