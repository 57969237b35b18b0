//! `efficientnet scale grid`: the paper's search space, with points that are one network counted once.

use efficientnet_scaling::{Grid, GridNetwork, Survey};
use serde::Serialize;

use super::{network, pixels, print, short};
use crate::Outcome;
use crate::args::scale::GridArgs;
use crate::output::{self, scaled};

#[derive(Serialize)]
struct Asked<'a> {
    base: &'a str,
    grid: Grid,
    points: usize,
    networks: usize,
}

/// Flat, so that it is a line of CSV as well.
#[derive(Serialize)]
struct Row {
    alpha: f64,
    beta: f64,
    gamma: f64,
    constraint: f64,
    points: usize,
    resolution: usize,
    params: u64,
    macs: u64,
    activations: u64,
    peak_activation_bytes: u64,
    macs_ratio: f64,
}

pub fn run(args: &GridArgs) -> Outcome {
    let base = network(&args.model)?;
    let grid = Grid { step: args.step, tolerance: args.tolerance, ..Grid::default() };
    let survey = grid.survey(&base, pixels(args.multiple))?;
    let rows: Vec<Row> = survey.networks.iter().map(Row::of).collect();
    let asked = Asked { base: &base.name, grid, points: survey.points, networks: rows.len() };
    print(&args.format, asked, &rows, || text(&survey, &rows))
}

fn text(survey: &Survey, rows: &[Row]) -> String {
    let (low, mean, high) = survey.macs_ratios();
    let header = ["alpha", "beta", "gamma", "product", "points", "pixels", "params", "macs", "realised"];
    let table = output::table(&header, &header, rows.iter().map(Row::cells));
    format!(
        "{} points are {} networks; realised cost {low:.2} to {high:.2}, mean {mean:.2}\n\n{table}",
        survey.points,
        rows.len()
    )
}

impl Row {
    fn of(network: &GridNetwork) -> Self {
        let (rule, totals) = (network.rule, network.totals);
        Self {
            alpha: rule.alpha(),
            beta: rule.beta(),
            gamma: rule.gamma(),
            constraint: rule.constraint(),
            points: network.points,
            resolution: network.coefficients.resolution,
            params: totals.params,
            macs: totals.macs,
            activations: totals.activations,
            peak_activation_bytes: totals.peak_activation_bytes,
            macs_ratio: network.macs_ratio,
        }
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.alpha.to_string(),
            self.beta.to_string(),
            self.gamma.to_string(),
            format!("{:.3}", self.constraint),
            self.points.to_string(),
            self.resolution.to_string(),
            scaled(self.params, 1e6, "M"),
            scaled(self.macs, 1e9, "G"),
            short(self.macs_ratio),
        ]
    }
}
