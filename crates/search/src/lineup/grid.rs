//! The networks of a search for alpha, beta and gamma.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use efficientnet_arch::ArchSpec;
use efficientnet_scaling::{CompoundRule, Scaler};

use super::arm::nearest;
use super::{Gathering, GridPoint, unrealisable};
use crate::Coefficients;
use crate::plan::Problem;

const GRID: &str = "coefficients.grid";
const AT_COST: &str = "coefficients.at_cost";

/// What each point of the grid is.
pub(super) fn points(
    task: &Coefficients,
    base: &ArchSpec,
    all: &mut Gathering<'_>,
) -> Result<Vec<GridPoint>, Problem> {
    let scaler =
        Scaler::new(base.clone(), CompoundRule::PAPER).and_then(|scaler| scaler.with_pixels(all.pixels));
    let scaler = scaler.map_err(|error| unrealisable(GRID, error))?;
    let start = scaler.spec(0.0).map_err(|error| unrealisable(GRID, error))?;
    let totals = start.totals().map_err(|error| unrealisable(GRID, error))?;
    let own = all.cost(&start, &totals, GRID)?;
    match task.at_cost {
        None => at_one(task, base, own, all),
        Some(ratio) => at_cost(task, &scaler, own, ratio, all),
    }
}

/// At phi = 1, at whatever cost that realises.
fn at_one(
    task: &Coefficients,
    base: &ArchSpec,
    own: f64,
    all: &mut Gathering<'_>,
) -> Result<Vec<GridPoint>, Problem> {
    let surveyed = task.grid.survey_points(base, all.pixels);
    let (survey, points) =
        surveyed.map_err(|error| Problem::new(GRID, format!("cannot be searched: {error}")))?;
    let mut networks = Vec::with_capacity(survey.networks.len());
    for network in survey.networks {
        let spec = base.rescaled(network.coefficients).map_err(|error| unrealisable(GRID, error))?;
        networks.push(all.add(spec, GRID)?);
    }
    let point = |(rule, network): (CompoundRule, usize)| {
        let (network, cost) = networks[network];
        GridPoint { rule, phi: 1.0, network, cost_ratio: cost / own }
    };
    Ok(points.into_iter().map(point).collect())
}

/// Each at the phi where it comes nearest to the wanted cost.
fn at_cost(
    task: &Coefficients,
    scaler: &Scaler,
    own: f64,
    ratio: f64,
    all: &mut Gathering<'_>,
) -> Result<Vec<GridPoint>, Problem> {
    // Asked first for its sentence where the grid is empty.
    let surveyed = task.grid.survey(scaler.base(), all.pixels);
    let survey = surveyed.map_err(|error| Problem::new(GRID, format!("cannot be searched: {error}")))?;
    let rules = task.grid.points().map_err(|error| unrealisable(GRID, error))?;
    let mut points = Vec::with_capacity(survey.points);
    // Lines of neighbouring rules go through the same networks.
    let (mut costs, mut networks) = (HashMap::new(), HashMap::new());
    for rule in rules {
        let scaler = scaler.clone().with_rule(rule);
        let phi = nearest(&scaler, own, ratio, AT_COST, &mut costs, all)?;
        let realised = scaler.realised(phi).map_err(|error| unrealisable(AT_COST, error))?;
        let (network, cost) = match networks.entry(realised) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let spec = scaler.spec(phi).map_err(|error| unrealisable(AT_COST, error))?;
                *vacant.insert(all.add(spec, AT_COST)?)
            }
        };
        points.push(GridPoint { rule, phi, network, cost_ratio: cost / own });
    }
    Ok(points)
}
