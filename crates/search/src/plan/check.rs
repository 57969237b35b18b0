//! What the types do not say of a plan.

use std::collections::BTreeSet;
use std::fmt::Display;

use efficientnet_scaling::CompoundRule;

use super::error::Problem;
use super::{Arm, Coefficients, Compare, Evolve, Factors, Plan, Proxy, RuleName, Space, Strategies, Task};

impl RuleName {
    /// The rule.
    ///
    /// # Errors
    /// [`efficientnet_scaling::ScalingError::UnknownRule`] with the names that there are.
    pub fn rule(&self) -> Result<CompoundRule, efficientnet_scaling::ScalingError> {
        match self {
            Self::Named(name) => CompoundRule::named(name),
            Self::Bases(rule) => Ok(*rule),
        }
    }
}

impl Plan {
    pub(super) fn problem(&self) -> Result<(), Problem> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_name = !self.name.is_empty() && self.name.chars().all(plain) && !self.name.starts_with('.');
        ensure(is_name, "name", || format!("is `{}`; it has letters, digits, `-`, `_` and `.`", self.name))?;
        within("multiple", self.multiple, 1, 8192)?;
        self.proxy.problem()?;
        match &self.task {
            Task::Compare(compare) => compare.problem()?,
            Task::Coefficients(coefficients) => coefficients.problem(&self.proxy)?,
            Task::Evolve(evolve) => evolve.problem()?,
        }
        self.recipe_problem()
    }

    /// That there is a recipe for every length of training, and none that fits one network only.
    fn recipe_problem(&self) -> Result<(), Problem> {
        let recipe = &self.beside.recipe;
        let only = "which fits one network only; a proxy trains many";
        ensure(recipe.model.init.is_none(), "proxy.recipe", || {
            format!("starts from weights (`model.init`), {only}: add \"model.init=\" to `proxy.set`")
        })?;
        let sized = recipe.progressive.is_some_and(|progressive| progressive.size.is_some());
        ensure(!sized, "proxy.recipe", || {
            format!(
                "has sizes of its own (`progressive.size`), {only}: add \"progressive.size=\" to `proxy.set`"
            )
        })?;
        for epochs in self.lengths() {
            self.recipe(self.base().resolution(), epochs, 0, &self.name)?;
        }
        Ok(())
    }

    /// The epochs that trials have.
    fn lengths(&self) -> Vec<u64> {
        match &self.task {
            Task::Coefficients(Coefficients {
                strategy: Strategies::Halving { eta, min_epochs }, ..
            }) => crate::strategy::rungs(*eta, *min_epochs, self.proxy.epochs),
            _ => vec![self.proxy.epochs],
        }
    }
}

impl Proxy {
    fn problem(&self) -> Result<(), Problem> {
        within("proxy.epochs", self.epochs, 1, 1_000_000)?;
        ensure(!self.seeds.is_empty(), "proxy.seeds", || {
            "is empty; each network is trained from at least one".into()
        })?;
        let different: BTreeSet<u64> = self.seeds.iter().copied().collect();
        ensure(different.len() == self.seeds.len(), "proxy.seeds", || "has a seed twice".into())?;
        let largest = i64::MAX as u64;
        ensure(self.seeds.iter().all(|seed| *seed <= largest), "proxy.seeds", || {
            format!("has a seed above {largest}")
        })
    }
}

impl Compare {
    fn problem(&self) -> Result<(), Problem> {
        ensure(!self.arm.is_empty(), "compare.arm", || {
            "is empty; a comparison has at least one line".into()
        })?;
        let mut names = BTreeSet::new();
        for (index, arm) in self.arm.iter().enumerate() {
            let key = |key: &str| format!("compare.arm[{index}].{key}");
            let is_new = names.insert(&arm.name) && !arm.name.trim().is_empty();
            ensure(is_new, key("name"), || format!("is `{}`; each line has a name of its own", arm.name))?;
            arm.problem(&key)?;
        }
        Ok(())
    }
}

impl Arm {
    fn problem(&self, key: &dyn Fn(&str) -> String) -> Result<(), Problem> {
        self.rule.rule().map_err(|error| Problem::new(key("rule"), format!("cannot be used: {error}")))?;
        let given = [!self.phi.is_empty(), !self.cost.is_empty(), !self.factors.is_empty()];
        if given.iter().filter(|given| **given).count() != 1 {
            let name = &self.name;
            let message = format!(
                "line `{name}` needs exactly one of `phi`, `cost` and `factors`, with at least one value"
            );
            return Err(Problem { key: key("name"), message });
        }
        for phi in &self.phi {
            ensure(phi.is_finite(), key("phi"), || format!("has {phi}, which is no finite number"))?;
        }
        for cost in &self.cost {
            let above = *cost >= 1.0 && cost.is_finite();
            ensure(above, key("cost"), || {
                format!(
                    "has {cost}; it holds multiples of what the line's start costs, so they are at least 1"
                )
            })?;
        }
        for (index, factors) in self.factors.iter().enumerate() {
            factors.problem(&key(&format!("factors[{index}]")))?;
        }
        self.from.map_or(Ok(()), |from| from.problem(&key("from")))
    }
}

impl Factors {
    fn problem(&self, key: &str) -> Result<(), Problem> {
        for (name, value) in [("depth", self.depth), ("width", self.width), ("resolution", self.resolution)] {
            positive(&format!("{key}.{name}"), value)?;
        }
        Ok(())
    }
}

impl Coefficients {
    fn problem(&self, proxy: &Proxy) -> Result<(), Problem> {
        let number = |error| Problem::new("coefficients.grid", format!("cannot be used: {error}"));
        self.grid.points().map(drop).map_err(number)?;
        if let Some(cost) = self.at_cost {
            ensure(cost > 1.0 && cost.is_finite(), "coefficients.at_cost", || {
                format!("is {cost}; it is a multiple of what the baseline costs, so it is above 1")
            })?;
        }
        match self.strategy {
            Strategies::Full => Ok(()),
            Strategies::Random { networks, seed } => {
                within("coefficients.strategy.seed", seed, 0, i64::MAX as u64)?;
                within("coefficients.strategy.networks", networks, 1, 1_000_000)
            }
            Strategies::Halving { eta, min_epochs } => {
                within("coefficients.strategy.eta", eta, 2, 1000)?;
                within("coefficients.strategy.min_epochs", min_epochs, 1, proxy.epochs)
            }
        }
    }
}

impl Evolve {
    fn problem(&self) -> Result<(), Problem> {
        within("evolve.population", self.population, 2, 1_000_000)?;
        within("evolve.sample", self.sample, 1, self.population)?;
        within("evolve.networks", self.networks, self.population, 1_000_000)?;
        within("evolve.children", self.children, 1, self.population)?;
        positive("evolve.target", self.target)?;
        within("evolve.exponent", self.exponent, -10.0, 10.0)?;
        within("evolve.seed", self.seed, 0, i64::MAX as u64)?;
        self.space.problem()
    }
}

impl Space {
    fn problem(&self) -> Result<(), Problem> {
        let Self { kernel, expand_ratio, se_ratio, width, depth, skip } = self;
        choices("kernel", kernel, |key, kernel| {
            within(key, *kernel, 1, 31)?;
            ensure(kernel % 2 == 1, key, || format!("has {kernel}; a kernel's side is odd"))
        })?;
        choices("expand_ratio", expand_ratio, |key, ratio| within(key, *ratio, 1, 100))?;
        choices("se_ratio", se_ratio, |key, ratio| within(key, *ratio, 0.0, 1.0))?;
        choices("width", width, |key, width| {
            positive(key, *width)?;
            within(key, *width, 0.0, 10.0)
        })?;
        choices("depth", depth, |key, depth| within(key, *depth, -1000, 1000))?;
        choices("skip", skip, |_, _| Ok(()))
    }
}

/// A list of the space: what stands in it, each once.
fn choices<T: PartialEq + Display>(
    name: &str,
    values: &[T],
    fits: impl Fn(&str, &T) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let key = format!("evolve.space.{name}");
    ensure(!values.is_empty(), &key, || "is empty; there is at least one choice".into())?;
    // A genome has a byte for each choice.
    ensure(values.len() <= 100, &key, || format!("has {} values; it has 100 at most", values.len()))?;
    for (index, value) in values.iter().enumerate() {
        fits(&key, value)?;
        ensure(!values[..index].contains(value), &key, || format!("has {value} twice"))?;
    }
    Ok(())
}

fn ensure(holds: bool, key: impl Into<String>, what: impl FnOnce() -> String) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(Problem::new(key, what())) }
}

fn within<T: PartialOrd + Display>(key: &str, value: T, low: T, high: T) -> Result<(), Problem> {
    ensure(low <= value && value <= high, key, || format!("is {value}; it must lie in {low} to {high}"))
}

fn positive(key: &str, value: f64) -> Result<(), Problem> {
    ensure(value > 0.0 && value.is_finite(), key, || {
        format!("is {value}; it must be a finite number above 0")
    })
}
