//! The networks on a line of a comparison.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use efficientnet_arch::{ArchSpec, Realised};
use efficientnet_scaling::{GrowOptions, Scaler, ScalingError};

use super::{Gathering, Member, Stretch, unrealisable};
use crate::plan::Problem;
use crate::{Arm, Factors};

/// How far to both sides of the largest network within the wanted cost the line is looked at, in phi: rounding makes the cost
/// fall here and there, but not for long.
const AROUND: f64 = 0.05;

/// The line's networks, cheapest first; its start is one of them.
pub(super) fn stretch(
    arm: &Arm,
    index: usize,
    base: &ArchSpec,
    all: &mut Gathering<'_>,
) -> Result<Stretch, Problem> {
    let key = |key: &str| format!("compare.arm[{index}].{key}");
    let rule =
        arm.rule.rule().map_err(|error| Problem::new(key("rule"), format!("cannot be used: {error}")))?;
    let pixels = all.pixels;
    let scaler = |spec: ArchSpec| {
        let scaler = Scaler::new(spec, rule).and_then(|scaler| scaler.with_pixels(pixels));
        scaler.map_err(|error| unrealisable(&key("rule"), error))
    };
    let unscaled = scaler(base.clone())?;
    let (from, from_key) =
        (arm.from.unwrap_or_default(), key(if arm.from.is_some() { "from" } else { "rule" }));
    let start = unscaled
        .base()
        .rescaled(unscaled.apply(from.into()))
        .map_err(|error| unrealisable(&from_key, error))?;
    let line = Line { scaler: scaler(start.clone())?, base };

    let mut wanted = vec![(Some(0.0).filter(|_| arm.factors.is_empty()), start, from_key.clone())];
    for phi in &arm.phi {
        wanted.push((Some(*phi), line.at(*phi, &key("phi"))?, key("phi")));
    }
    if !arm.cost.is_empty() {
        let (_, own) = all.add(wanted[0].1.clone(), &from_key)?;
        let mut known = HashMap::new();
        for ratio in &arm.cost {
            let phi = nearest(&line.scaler, own, *ratio, &key("cost"), &mut known, all)?;
            wanted.push((Some(phi), line.at(phi, &key("cost"))?, key("cost")));
        }
    }
    for (place, factors) in arm.factors.iter().enumerate() {
        let key = key(&format!("factors[{place}]"));
        let spec = line.scaler.base().rescaled(line.scaler.apply((*factors).into()));
        wanted.push((None, spec.map_err(|error| unrealisable(&key, error))?, key));
    }

    let (mut members, mut known, mut own) = (Vec::new(), HashSet::new(), None);
    for (phi, spec, key) in wanted {
        let factors = line.factors(&spec);
        let (network, cost) = all.add(spec, &key)?;
        let cost_ratio = cost / *own.get_or_insert(cost);
        if known.insert(network) {
            members.push(Member { network, phi, factors, cost_ratio });
        }
    }
    members.sort_by(|a, b| a.cost_ratio.total_cmp(&b.cost_ratio));
    Ok(Stretch { name: arm.name.clone(), members })
}

struct Line<'a> {
    scaler: Scaler,
    base: &'a ArchSpec,
}

impl Line<'_> {
    fn at(&self, phi: f64, key: &str) -> Result<ArchSpec, Problem> {
        self.scaler.spec(phi).map_err(|error| unrealisable(key, error))
    }

    /// Over the baseline's.
    fn factors(&self, spec: &ArchSpec) -> Factors {
        let (own, base) = (spec.coefficients, self.base.coefficients);
        Factors {
            depth: own.depth / base.depth,
            width: own.width / base.width,
            resolution: own.resolution as f64 / base.resolution as f64,
        }
    }
}

/// The phi whose network costs most nearly `ratio` times `own`, which is what the line's start costs. What networks cost is kept in
/// `known` for other lines of the same start.
pub(super) fn nearest(
    scaler: &Scaler,
    own: f64,
    ratio: f64,
    key: &str,
    known: &mut HashMap<Realised, f64>,
    all: &mut Gathering<'_>,
) -> Result<f64, Problem> {
    let target = own * ratio;
    let failure: RefCell<Option<Problem>> = RefCell::new(None);
    let mut cost = |spec: &ArchSpec| {
        // What cannot be counted is over every budget.
        let Ok(totals) = spec.totals() else { return f64::INFINITY };
        all.cost(spec, &totals, key).unwrap_or_else(|problem| {
            failure.borrow_mut().get_or_insert(problem);
            f64::INFINITY
        })
    };
    let grown = scaler.grow_knowing(target, GrowOptions::measured(), known, &mut cost);
    let (phi, last) = match (grown, failure.borrow_mut().take()) {
        (_, Some(problem)) => return Err(problem),
        (Err(error), _) => return Err(hopeless(error, ratio, key)),
        (Ok(grown), _) => (grown.point.phi, grown.next_cost.is_none().then_some(grown.cost)),
    };
    if let Some(cost) = last.filter(|cost| *cost < target * 0.95) {
        let reach = cost / own;
        let message = format!("has {ratio}, and the line's largest network costs {reach:.2} times its start");
        return Err(Problem::new(key, message));
    }
    let steps =
        scaler.steps((phi - AROUND).max(0.0), phi + AROUND).map_err(|error| unrealisable(key, error))?;
    let mut best = (f64::INFINITY, phi);
    for step in steps {
        let cost = match known.get(&step.realised) {
            Some(cost) => *cost,
            None => {
                let spec = scaler.spec(step.from).map_err(|error| unrealisable(key, error))?;
                *known.entry(step.realised).or_insert(cost(&spec))
            }
        };
        let away = (cost / target).ln().abs();
        // The first of equals, which is the smaller network.
        if away < best.0 - 1e-12 {
            best = (away, step.from);
        }
    }
    match failure.into_inner() {
        Some(problem) => Err(problem),
        None => Ok(best.1),
    }
}

fn hopeless(error: ScalingError, ratio: f64, key: &str) -> Problem {
    Problem::new(key, format!("has {ratio}, which no network of the line has: {error}"))
}

impl From<Factors> for efficientnet_scaling::Factors {
    fn from(Factors { depth, width, resolution }: Factors) -> Self {
        Self { depth, width, resolution }
    }
}
