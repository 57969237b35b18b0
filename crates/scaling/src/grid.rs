//! Step 1 of the paper's method: every alpha, beta and gamma on a grid whose alpha * beta^2 * gamma^2 is close to 2.
//!
//! Many points of a fine grid round to the same network; training it twice would tell nothing. So the points fall into
//! networks, and everything that costs time is done once for each of these. Depth, width and resolution round without
//! regard to each other, hence a network is known by three small numbers (which repeats, which filters, how many pixels)
//! and no point is built only to find that it is known already.

use std::collections::HashMap;
use std::hash::Hash;

use efficientnet_arch::{ArchSpec, Coefficients, RealisedRow, Totals};
use serde::{Deserialize, Serialize};

use crate::{CompoundRule, PixelRounding, Scaler, ScalingError};

/// Candidates of alpha, beta and gamma together that may be looked at.
const MOST_CANDIDATES: u128 = 1_000_000_000;

/// The space of the search. Each base runs from 1 in equal steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grid {
    /// Distance of neighbouring values of a base.
    pub step: f64,
    /// How far alpha * beta^2 * gamma^2 may be from `target`, both ends included.
    pub tolerance: f64,
    /// What the product should be.
    pub target: f64,
    /// Largest alpha.
    pub alpha_max: f64,
    /// Largest beta.
    pub beta_max: f64,
    /// Largest gamma.
    pub gamma_max: f64,
}

impl Default for Grid {
    /// In steps of 0.05 to where a base makes the product 2 alone: alpha at 2, beta and gamma just before 1.45.
    fn default() -> Self {
        Self { step: 0.05, tolerance: 0.05, target: 2.0, alpha_max: 2.0, beta_max: 1.45, gamma_max: 1.45 }
    }
}

/// A network of the grid, with the points that are it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GridNetwork {
    /// The first of its points, in order of alpha, beta, gamma.
    pub rule: CompoundRule,
    /// How many points of the grid are this network.
    pub points: usize,
    /// Width, depth and pixels of that first point.
    pub coefficients: Coefficients,
    /// What it costs.
    pub totals: Totals,
    /// By how much its multiply-adds exceed the baseline's: what the constraint was meant to hold at 2.
    pub macs_ratio: f64,
}

/// A grid over a baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Survey {
    /// Points that satisfy the constraint.
    pub points: usize,
    /// Different networks among them, in the order in which the points come to them.
    pub networks: Vec<GridNetwork>,
}

impl Survey {
    /// Smallest, mean and largest realised cost ratio over the networks: rounding makes of "close to 2" what it likes.
    pub fn macs_ratios(&self) -> (f64, f64, f64) {
        let ratios = || self.networks.iter().map(|network| network.macs_ratio);
        let mean = ratios().sum::<f64>() / self.networks.len().max(1) as f64;
        (ratios().fold(f64::INFINITY, f64::min), mean, ratios().fold(0.0, f64::max))
    }

    /// The same without the networks whose realised cost ratio lies outside `low` to `high`: a second constraint, on what
    /// the paper's first one only approximates.
    pub fn within(mut self, low: f64, high: f64) -> Self {
        self.networks.retain(|network| (low..=high).contains(&network.macs_ratio));
        self.points = self.networks.iter().map(|network| network.points).sum();
        self
    }
}

impl Grid {
    /// The points that satisfy the constraint, in order of alpha, beta, gamma.
    ///
    /// # Errors
    /// [`ScalingError::Number`] for a step, a tolerance or a bound that makes no grid, [`ScalingError::GridTooLarge`] where it
    /// would have more than a thousand million candidates.
    pub fn points(&self) -> Result<impl Iterator<Item = CompoundRule>, ScalingError> {
        let axes = self.axes()?;
        // Every base lies in 1 to 1000, so every point is a rule.
        Ok(axes.indices().filter_map(move |point| axes.rule(point).ok()))
    }

    /// Counts the different networks that the points make of `base` at phi = 1.
    ///
    /// # Errors
    /// Those of [`Grid::points`]; [`ScalingError::EmptyGrid`] where no point satisfies the constraint, with the nearest;
    /// [`ScalingError::Unrealisable`] where a point's network cannot be built or counted.
    pub fn survey(&self, base: &ArchSpec, pixels: PixelRounding) -> Result<Survey, ScalingError> {
        self.visit(base, pixels, |_, _| ())
    }

    /// The same with every point and the place of its network among [`Survey::networks`].
    ///
    /// # Errors
    /// Those of [`Grid::survey`].
    pub fn survey_points(
        &self,
        base: &ArchSpec,
        pixels: PixelRounding,
    ) -> Result<(Survey, Vec<(CompoundRule, usize)>), ScalingError> {
        let mut points = Vec::new();
        let survey = self.visit(base, pixels, |rule, network| points.push((rule, network)))?;
        Ok((survey, points))
    }

    /// `each` is told every point's rule and its network's place.
    fn visit(
        &self,
        base: &ArchSpec,
        pixels: PixelRounding,
        mut each: impl FnMut(CompoundRule, usize),
    ) -> Result<Survey, ScalingError> {
        let axes = self.axes()?;
        let mut scaler = Scaler::new(base.clone(), CompoundRule::PAPER)?.with_pixels(pixels)?;
        let classes = Classes::of(&axes, &scaler)?;
        let mut index = HashMap::new();
        let mut survey = Survey { points: 0, networks: Vec::new() };
        for point in axes.indices() {
            survey.points += 1;
            let known = *index.entry(classes.of_point(point)).or_insert(survey.networks.len());
            match survey.networks.get_mut(known) {
                Some(network) => network.points += 1,
                None => {
                    scaler = scaler.with_rule(axes.rule(point)?);
                    survey.networks.push(network(&scaler)?);
                }
            }
            each(axes.rule(point)?, known);
        }
        if survey.points == 0 { Err(axes.empty()) } else { Ok(survey) }
    }

    fn axes(&self) -> Result<Axes, ScalingError> {
        let number =
            |what, value: f64, expected| ScalingError::Number { what, value: value.to_string(), expected };
        if !(self.step >= 1e-6 && self.step <= 1.0) {
            return Err(number("the grid's step", self.step, "from 0.000001 to 1"));
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return Err(number("the grid's tolerance", self.tolerance, "at least 0"));
        }
        if !(self.target >= 1.0 && self.target.is_finite()) {
            return Err(number("the grid's target", self.target, "at least 1"));
        }
        for (what, bound) in
            [("alpha_max", self.alpha_max), ("beta_max", self.beta_max), ("gamma_max", self.gamma_max)]
        {
            if !(1.0..=1000.0).contains(&bound) {
                return Err(number(what, bound, "from 1 to 1000"));
            }
        }
        let length = |bound: f64| ((bound - 1.0) / self.step + 1e-9) as u128 + 1;
        let points = length(self.alpha_max) * length(self.beta_max) * length(self.gamma_max);
        if points > MOST_CANDIDATES {
            return Err(ScalingError::GridTooLarge { points, limit: MOST_CANDIDATES });
        }
        let axis = |bound| (0..length(bound)).map(|index| self.base(index as usize)).collect();
        let (alpha, beta, gamma) = (axis(self.alpha_max), axis(self.beta_max), axis(self.gamma_max));
        Ok(Axes { grid: *self, alpha, beta, gamma })
    }

    /// 1 + index * step as one would write it: the nearest number to 1.15 and not the one after it.
    fn base(&self, index: usize) -> f64 {
        ((1.0 + index as f64 * self.step) * 1e12).round() / 1e12
    }
}

/// The values of the three bases.
struct Axes {
    grid: Grid,
    alpha: Vec<f64>,
    beta: Vec<f64>,
    gamma: Vec<f64>,
}

/// Places on the three axes.
type Place = [usize; 3];

impl Axes {
    /// The points that satisfy the constraint.
    fn indices(&self) -> impl Iterator<Item = Place> + use<> {
        let Grid { target, tolerance, .. } = self.grid;
        // A point on the very edge of the tolerance must not fall to the last bit of a product.
        let edge = tolerance + 1e-9;
        let (alpha, beta, gamma) = (self.alpha.clone(), self.beta.clone(), self.gamma.clone());
        (0..alpha.len()).flat_map(move |a| {
            let (left, beta, gamma) = (alpha[a], beta.clone(), gamma.clone());
            (0..beta.len()).flat_map(move |b| {
                let left = left * beta[b] * beta[b];
                // gamma rises along its axis, so the points are one stretch of it.
                let low = gamma.partition_point(|g| left * g * g < target - edge);
                let high = gamma.partition_point(|g| left * g * g <= target + edge);
                (low..high).map(move |g| [a, b, g])
            })
        })
    }

    fn values(&self, [a, b, g]: Place) -> [f64; 3] {
        [self.alpha[a], self.beta[b], self.gamma[g]]
    }

    fn rule(&self, place: Place) -> Result<CompoundRule, ScalingError> {
        let [alpha, beta, gamma] = self.values(place);
        CompoundRule::new(alpha, beta, gamma)
    }

    /// Which point came nearest, for the error.
    fn empty(&self) -> ScalingError {
        let Grid { target, tolerance, .. } = self.grid;
        let mut nearest = ([1.0; 3], 1.0f64);
        for &alpha in &self.alpha {
            for &beta in &self.beta {
                let left = alpha * beta * beta;
                let after = self.gamma.partition_point(|g| left * g * g < target);
                for &gamma in self.gamma.iter().skip(after.saturating_sub(1)).take(2) {
                    let product = left * gamma * gamma;
                    if (product - target).abs() < (nearest.1 - target).abs() {
                        nearest = ([alpha, beta, gamma], product);
                    }
                }
            }
        }
        ScalingError::EmptyGrid { target, tolerance, nearest: nearest.0, product: nearest.1 }
    }
}

/// For each value of a base, which of the different repeats, filters or sides it rounds to.
struct Classes {
    alpha: Vec<usize>,
    beta: Vec<usize>,
    gamma: Vec<usize>,
}

impl Classes {
    fn of(axes: &Axes, scaler: &Scaler) -> Result<Self, ScalingError> {
        // One base at a time, the other two at 1.
        let realise = |rule: CompoundRule| scaler.clone().with_rule(rule).realised(1.0);
        let repeats = |alpha| {
            let rows = realise(CompoundRule::new(alpha, 1.0, 1.0)?)?.rows;
            Ok(rows.iter().map(|row| row.repeats).collect::<Vec<_>>())
        };
        let filters = |beta| {
            let realised = realise(CompoundRule::new(1.0, beta, 1.0)?)?;
            let pair = |row: &RealisedRow| (row.input_filters, row.output_filters);
            Ok((realised.stem, realised.rows.iter().map(pair).collect::<Vec<_>>(), realised.head))
        };
        let side = |gamma| Ok(realise(CompoundRule::new(1.0, 1.0, gamma)?)?.resolution);
        Ok(Self {
            alpha: classes(&axes.alpha, repeats)?,
            beta: classes(&axes.beta, filters)?,
            gamma: classes(&axes.gamma, side)?,
        })
    }

    fn of_point(&self, [a, b, g]: Place) -> Place {
        [self.alpha[a], self.beta[b], self.gamma[g]]
    }
}

/// Numbers the different results that the values have.
fn classes<T: Eq + Hash>(
    values: &[f64],
    result: impl Fn(f64) -> Result<T, ScalingError>,
) -> Result<Vec<usize>, ScalingError> {
    let mut numbers = HashMap::new();
    let mut class = |value: &f64| {
        let next = numbers.len();
        Ok(*numbers.entry(result(*value)?).or_insert(next))
    };
    values.iter().map(&mut class).collect()
}

fn network(scaler: &Scaler) -> Result<GridNetwork, ScalingError> {
    let spec = scaler.spec(1.0)?;
    let totals = scaler.totals_of(&spec, 1.0)?;
    Ok(GridNetwork {
        rule: scaler.rule(),
        points: 1,
        coefficients: spec.coefficients,
        totals,
        macs_ratio: totals.macs as f64 / scaler.base_totals().macs as f64,
    })
}
