//! What the names in a plan stand for: the networks that it scales and the recipe that trains them.

use std::collections::BTreeMap;
use std::path::Path;

use efficientnet_arch::ArchSpec;
use efficientnet_runs::recipe::Recipe;
use efficientnet_scaling::BaselineFile;

use super::error::Problem;
use super::read::read;
use super::{Document, Plan, Task};

/// The files that a plan names, and what is part of the program, as they were when the plan was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Beside {
    /// With the plan's settings, but for what differs from trial to trial.
    pub recipe: Recipe,
    /// Where it is a file, its text.
    pub recipe_text: Option<String>,
    /// The plan's baseline, with the constants that the recipe's `[model]` sets.
    pub base: Network,
    /// Those of lines that have their own, by the names that these have for them.
    pub others: BTreeMap<String, Network>,
}

/// A network that is scaled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Network {
    pub spec: ArchSpec,
    /// Where it is a file, its text.
    pub text: Option<String>,
}

/// Whether a name is that of a file beside the plan.
pub(super) fn is_file(name: &str) -> bool {
    name.ends_with(".toml")
}

impl Beside {
    pub fn read(document: &Document, dir: &Path) -> Result<Self, Problem> {
        let (recipe, recipe_text) = recipe(document, dir)?;
        let base = network("baseline", &document.baseline, dir, &recipe)?;
        let mut others = BTreeMap::new();
        let arms = document.compare.iter().flat_map(|compare| compare.arm.iter().enumerate());
        for (index, arm) in arms {
            if let Some(name) = &arm.baseline {
                let key = format!("compare.arm[{index}].baseline");
                others.insert(name.clone(), network(&key, name, dir, &recipe)?);
            }
        }
        Ok(Self { recipe, recipe_text, base, others })
    }
}

impl Plan {
    /// The network at phi = 0, with the constants that the proxy's recipe sets (dropout, stochastic depth, those of
    /// batch normalisation). Its classes are the published ones, and costs are counted with these; whoever trains it gives
    /// it as many as the data have.
    pub fn base(&self) -> &ArchSpec {
        &self.beside.base.spec
    }

    /// The baselines of the arms of `compare`, in their order.
    pub(crate) fn arm_bases(&self) -> Vec<&ArchSpec> {
        let Task::Compare(compare) = &self.task else { return Vec::new() };
        let spec = |name: &Option<String>| {
            let own = name.as_ref().and_then(|name| self.beside.others.get(name));
            own.map_or(self.base(), |network| &network.spec)
        };
        compare.arm.iter().map(|arm| spec(&arm.baseline)).collect()
    }
}

fn recipe(document: &Document, dir: &Path) -> Result<(Recipe, Option<String>), Problem> {
    let proxy = &document.proxy;
    let wrong = |reason: String| Problem::new("proxy.recipe", format!("cannot be had: {reason}"));
    let (recipe, text) = if is_file(&proxy.recipe) {
        let path = dir.join(&proxy.recipe);
        let shown = path.display().to_string();
        let text = read(&path).map_err(|reason| wrong(format!("{shown}: {reason}")))?;
        (Recipe::parse(&text, &shown).map_err(|error| wrong(error.to_string()))?, Some(text))
    } else {
        (Recipe::named(&proxy.recipe).map_err(|error| wrong(error.to_string()))?, None)
    };
    let recipe = recipe
        .with_all(proxy.set.iter().map(String::as_str))
        .map_err(|error| Problem::new("proxy.set", format!("cannot be applied: {error}")))?;
    Ok((recipe, text))
}

fn network(key: &str, name: &str, dir: &Path, recipe: &Recipe) -> Result<Network, Problem> {
    let wrong = |reason: String| Problem::new(key, format!("cannot be had: {reason}"));
    let (spec, text) = if is_file(name) {
        let path = dir.join(name);
        let shown = path.display().to_string();
        let text = read(&path).map_err(|reason| wrong(format!("{shown}: {reason}")))?;
        let file = BaselineFile::parse(&text).and_then(|file| file.spec());
        (file.map_err(|reason| wrong(format!("{shown}: {reason}")))?, Some(text))
    } else {
        (ArchSpec::named(name).map_err(|error| wrong(error.to_string()))?, None)
    };
    let spec = recipe.model.constants_on(&spec).map_err(|error| wrong(error.to_string()))?;
    Ok(Network { spec, text })
}
