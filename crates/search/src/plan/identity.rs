//! A plan as text again, and whether two are the same search.

use std::collections::{BTreeMap, BTreeSet};

use efficientnet_arch::ArchSpec;
use efficientnet_runs::recipe::Recipe;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::baselines::is_file;
use super::error::Problem;
use super::{Arm, Coefficients, Compare, CostKind, Document, Evolve, Plan, PlanError, Task};

/// The plan's own file in a study's folder.
pub(crate) const PLAN: &str = "plan.toml";

/// Everything that changes a result, and nothing else.
#[derive(Serialize)]
struct Essence<'a> {
    cost: CostKind,
    multiple: usize,
    epochs: u64,
    seeds: &'a [u64],
    transforms: [&'a Option<String>; 2],
    recipe: String,
    networks: Vec<&'a ArchSpec>,
    arms: Vec<Arm>,
    coefficients: Option<&'a Coefficients>,
    evolve: Option<&'a Evolve>,
}

impl Plan {
    /// All of it as TOML, defaults written out. The files that it names are not part of it.
    ///
    /// # Errors
    /// [`PlanError::Key`] where a number is larger than TOML can write, which [`Plan::check`] refuses, too.
    pub fn to_toml(&self) -> Result<String, PlanError> {
        let unprintable = |error: toml::ser::Error| Problem::new("name", error).of(&self.name);
        toml::to_string(&self.document()).map_err(unprintable)
    }

    /// What makes the search the same search, as 64 hexadecimal digits: networks, recipe and everything else that changes a
    /// result. Not a part are the names of plan, lines and files, and what is only drawn.
    ///
    /// # Errors
    /// As [`Recipe::hash`].
    pub fn hash(&self) -> Result<String, PlanError> {
        let mut networks = vec![self.base()];
        networks.extend(self.arm_bases());
        let nameless = |arm: &Arm| Arm { name: String::new(), baseline: None, ..arm.clone() };
        let (arms, coefficients, evolve) = match &self.task {
            Task::Compare(compare) => (compare.arm.iter().map(nameless).collect(), None, None),
            Task::Coefficients(coefficients) => (Vec::new(), Some(coefficients), None),
            Task::Evolve(evolve) => (Vec::new(), None, Some(evolve)),
        };
        let essence = Essence {
            cost: self.cost,
            multiple: self.multiple,
            epochs: self.proxy.epochs,
            seeds: &self.proxy.seeds,
            transforms: [&self.proxy.transform, &self.proxy.eval_transform],
            recipe: self.recipe_hash()?,
            networks,
            arms,
            coefficients,
            evolve,
        };
        // Plain data whose maps have texts as keys: there is nothing that could fail.
        let text = serde_json::to_vec(&essence).unwrap_or_default();
        Ok(Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The plan under whose names its files can lie beside it in a study's folder, and these files with their texts.
    pub(crate) fn packed(&self) -> (Self, Vec<(String, String)>) {
        let (mut plan, mut files) = (self.clone(), Vec::new());
        let mut taken = BTreeSet::from([PLAN.to_string()]);
        if let Some(text) = &self.beside.recipe_text {
            let name = vacant(&self.proxy.recipe, &mut taken);
            files.push((name.clone(), text.clone()));
            plan.proxy.recipe = name;
        }
        if let Some(text) = &self.beside.base.text {
            plan.baseline = vacant(&self.baseline, &mut taken);
            files.push((plan.baseline.clone(), text.clone()));
        }
        let mut renamed = BTreeMap::new();
        for (name, network) in &self.beside.others {
            let new = match &network.text {
                Some(text) => {
                    let new = vacant(name, &mut taken);
                    files.push((new.clone(), text.clone()));
                    new
                }
                None => name.clone(),
            };
            renamed.insert(name.clone(), new);
        }
        let new_name = |name: &String| renamed.get(name).unwrap_or(name).clone();
        if let Task::Compare(compare) = &mut plan.task {
            compare
                .arm
                .iter_mut()
                .filter_map(|arm| arm.baseline.as_mut())
                .for_each(|name| *name = new_name(name));
        }
        let others = std::mem::take(&mut plan.beside.others);
        plan.beside.others = others.into_iter().map(|(name, network)| (new_name(&name), network)).collect();
        (plan, files)
    }

    fn recipe_hash(&self) -> Result<String, PlanError> {
        // These two count as they stand in the plan.
        let recipe: &Recipe = &self.beside.recipe;
        recipe.hash().map_err(|error| Problem::new("proxy.recipe", error).of(&self.name))
    }

    fn document(&self) -> Document {
        let Self { name, about, baseline, cost, multiple, proxy, task, .. } = self.clone();
        let (compare, coefficients, evolve): (Option<Compare>, _, _) = match task {
            Task::Compare(compare) => (Some(compare), None, None),
            Task::Coefficients(coefficients) => (None, Some(coefficients), None),
            Task::Evolve(evolve) => (None, None, Some(evolve)),
        };
        Document { name, about, baseline, cost, multiple, proxy, compare, coefficients, evolve }
    }
}

/// A file's own name without its folders, with a number in front where that is taken.
fn vacant(name: &str, taken: &mut BTreeSet<String>) -> String {
    debug_assert!(is_file(name));
    let own = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let numbered = (2..).map(|number| format!("{number}-{own}"));
    let free = std::iter::once(own.to_string()).chain(numbered).find(|name| !taken.contains(name));
    let name = free.unwrap_or_else(|| own.to_string());
    taken.insert(name.clone());
    name
}
