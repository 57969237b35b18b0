//! What work costs in each kind of step: a linear model without negative coefficients.
//!
//! Every step costs something for itself and something for each multiply-add, each exponential and each number that it reads,
//! writes or has as a weight; how much depends on its kind. A pass costs something beside its steps. All coefficients are
//! fitted at once, to steps and to whole networks alike.

use std::collections::BTreeMap;

use efficientnet_arch::{Step, StepKind};
use serde::{Deserialize, Serialize};

use super::Whole;
use super::nonnegative::Equations;

/// What costs: a name, the kind of step, and how much there is of it.
type Column = (&'static str, StepKind, fn(&Step) -> u64);

/// Only what a kind has, and what measurements can tell from the rest.
const COLUMNS: [Column; N - 1] = [
    ("stem.step", StepKind::Stem, |_| 1),
    ("stem.dense_macs", StepKind::Stem, |step| step.dense_macs),
    ("stem.depthwise_macs", StepKind::Stem, |step| step.depthwise_macs),
    ("stem.exponentials", StepKind::Stem, |step| step.exponentials),
    ("dense.step", StepKind::Dense, |_| 1),
    ("dense.dense_macs", StepKind::Dense, |step| step.dense_macs),
    ("dense.exponentials", StepKind::Dense, |step| step.exponentials),
    ("dense.read", StepKind::Dense, |step| step.read),
    ("dense.written", StepKind::Dense, |step| step.written),
    ("dense.weights", StepKind::Dense, |step| step.weights),
    ("depthwise.step", StepKind::Depthwise, |_| 1),
    ("depthwise.dense_macs", StepKind::Depthwise, |step| step.dense_macs),
    ("depthwise.depthwise_macs", StepKind::Depthwise, |step| step.depthwise_macs),
    ("depthwise.exponentials", StepKind::Depthwise, |step| step.exponentials),
    ("depthwise.made", StepKind::Depthwise, |step| step.made),
    ("depthwise.read", StepKind::Depthwise, |step| step.read),
    ("depthwise.written", StepKind::Depthwise, |step| step.written),
    ("depthwise.weights", StepKind::Depthwise, |step| step.weights),
    ("excite.step", StepKind::Excite, |_| 1),
    ("excite.weights", StepKind::Excite, |step| step.weights),
    ("map.step", StepKind::Pass, |_| 1),
    ("map.read", StepKind::Pass, |step| step.read),
    ("classifier.step", StepKind::Classifier, |_| 1),
    ("classifier.weights", StepKind::Classifier, |step| step.weights),
];

/// With what a pass costs beside its steps, the first.
const N: usize = 25;

/// What the work of networks costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, f64>", into = "BTreeMap<String, f64>")]
pub struct Costs {
    /// Nanoseconds, first of a pass, then of each of [`COLUMNS`].
    ns: [f64; N],
}

impl Costs {
    /// The costs that explain networks best: by least squares of the deviations, of wholes and of steps, over what the whole
    /// network took.
    pub fn fit<'w>(networks: impl IntoIterator<Item = &'w Whole>) -> Self {
        let mut equations = Equations::<N>::default();
        for network in networks {
            let whole = network.timing.median_ms * 1e6;
            let steps: Vec<Step> = network.steps.iter().map(|step| step.step).collect();
            equations.add(&columns_of(&steps), whole, whole);
            for step in &network.steps {
                if let Some(ms) = step.ms {
                    equations.add(&columns(&step.step), ms * 1e6, whole);
                }
            }
        }
        Self { ns: equations.solve() }
    }

    /// Milliseconds of a pass of a network with these steps.
    pub fn of(&self, steps: &[Step]) -> f64 {
        let ns: f64 = columns_of(steps).iter().zip(self.ns).map(|(column, cost)| column * cost).sum();
        ns * 1e-6
    }
}

/// How much there is of each column in a network.
fn columns_of(steps: &[Step]) -> [f64; N] {
    let mut sum = [0.0; N];
    sum[0] = 1.0;
    for step in steps {
        sum.iter_mut().zip(columns(step)).for_each(|(sum, column)| *sum += column);
    }
    sum
}

/// How much there is of each column in a step.
fn columns(step: &Step) -> [f64; N] {
    std::array::from_fn(|index| match index.checked_sub(1).map(|index| COLUMNS[index]) {
        Some((_, kind, amount)) if kind == step.kind => amount(step) as f64,
        _ => 0.0,
    })
}

fn name(index: usize) -> &'static str {
    index.checked_sub(1).map_or("pass", |index| COLUMNS[index].0)
}

impl From<Costs> for BTreeMap<String, f64> {
    fn from(costs: Costs) -> Self {
        costs.ns.iter().enumerate().map(|(index, ns)| (name(index).to_string(), *ns)).collect()
    }
}

impl TryFrom<BTreeMap<String, f64>> for Costs {
    type Error = String;

    fn try_from(mut named: BTreeMap<String, f64>) -> Result<Self, String> {
        let mut ns = [0.0; N];
        for (index, ns) in ns.iter_mut().enumerate() {
            let name = name(index);
            let cost = named.remove(name).ok_or_else(|| format!("the cost `{name}` is missing"))?;
            if !(cost >= 0.0 && cost.is_finite()) {
                return Err(format!("the cost `{name}` is {cost}"));
            }
            *ns = cost;
        }
        match named.keys().next() {
            None => Ok(Self { ns }),
            Some(other) => Err(format!("`{other}` is no cost")),
        }
    }
}
