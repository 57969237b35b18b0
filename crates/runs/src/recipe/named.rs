//! The recipes that are part of the program, `recipes/*.toml`.

use super::{Recipe, RecipeError};

/// A committed recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// What commands call it, and its file in `recipes/`.
    pub name: &'static str,
    /// The file, with the comment that says what it is for.
    pub text: &'static str,
}

/// Every committed recipe.
pub const NAMED: [Named; 6] = [
    Named {
        name: "efficientnet-official",
        text: include_str!("../../../../recipes/efficientnet-official.toml"),
    },
    Named {
        name: "efficientnet-v2-progressive",
        text: include_str!("../../../../recipes/efficientnet-v2-progressive.toml"),
    },
    Named { name: "transfer", text: include_str!("../../../../recipes/transfer.toml") },
    Named { name: "cifar", text: include_str!("../../../../recipes/cifar.toml") },
    Named { name: "demo", text: include_str!("../../../../recipes/demo.toml") },
    Named { name: "proxy", text: include_str!("../../../../recipes/proxy.toml") },
];

impl Recipe {
    /// A committed recipe by its name; `efficientnet-` in front may be left out.
    ///
    /// # Errors
    /// [`RecipeError::Unknown`], which offers the nearest names.
    pub fn named(name: &str) -> Result<Self, RecipeError> {
        let wanted = name.trim().to_ascii_lowercase().replace('_', "-");
        let is_it = |named: &&Named| [named.name, short(named.name)].contains(&wanted.as_str());
        match NAMED.iter().find(is_it) {
            Some(named) => Self::parse(named.text, &format!("recipes/{}.toml", named.name)),
            None => Err(RecipeError::Unknown { name: name.to_string(), nearest: nearest(&wanted) }),
        }
    }
}

fn short(name: &str) -> &str {
    name.strip_prefix("efficientnet-").unwrap_or(name)
}

fn nearest(wanted: &str) -> Vec<String> {
    let likeness = |named: &&Named| {
        let alike = |known| strsim::normalized_damerau_levenshtein(wanted, known);
        alike(named.name).max(alike(short(named.name)))
    };
    let part = |named: &&Named| !wanted.is_empty() && named.name.contains(wanted);
    let mut near: Vec<&Named> = NAMED.iter().filter(|named| part(named) || likeness(named) >= 0.5).collect();
    near.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    near.into_iter().take(3).map(|named| named.name.to_string()).collect()
}
