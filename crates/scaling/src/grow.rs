//! The largest network of a rule within a budget.
//!
//! "Largest" means: of all phi in whole millionths, the largest at which the network costs no more than the budget. The
//! cost is a staircase, and not always a rising one: where rounding makes the two sides of a block equal, a residual or a
//! projection comes or goes. So the search has two parts. Short strides (no network that is much too large is ever built
//! and measured) and halving find a step within the budget whose successor is over it, as if the cost were monotone; from there the steps above are looked at one by one, until one
//! costs more than [`GrowOptions::overshoot`] times the budget. For the four counts and a rule whose bases are all at
//! least 1, twice the budget is proof that nothing above comes back under it: every dimension only grows, and what a
//! vanishing residual or projection saves is at most half of its block's cost (in a bottleneck up to an expansion of 4).

use std::collections::HashMap;

use efficientnet_arch::{ArchSpec, Realised};
use serde::Serialize;

use crate::limit::show_milliseconds;
use crate::steps::{LAST_TICK, TICKS_PER_PHI, Tick, halve, phi_of};
use crate::{Budget, Point, Scaler, ScalingError};

/// Half a phi: a network that is asked for costs at most about 1.4 times the budget.
const STRIDE: Tick = TICKS_PER_PHI / 2;

/// How to look for the largest network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GrowOptions {
    /// Whether phi may be negative, for a budget that the starting network is already over.
    pub shrink: bool,
    /// The search ends at the first step that costs more than this many times the budget; 1 takes the cost for monotone,
    /// infinity looks at everything that can be built.
    pub overshoot: f64,
}

impl Default for GrowOptions {
    /// Never smaller than the starting network; exact for all counts.
    fn default() -> Self {
        Self { shrink: false, overshoot: 2.0 }
    }
}

impl GrowOptions {
    /// For costs that are dear to ask for, such as a measured time: a few dozen networks are asked for, and the cost is taken
    /// for monotone.
    pub fn measured() -> Self {
        Self { shrink: false, overshoot: 1.0 }
    }
}

/// The largest network within a budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grown {
    /// The network at the largest phi.
    pub point: Point,
    /// What it costs, in the budget's unit.
    pub cost: f64,
    /// The smallest phi, in whole millionths, that gives the same network.
    pub phi_from: f64,
    /// What the network of the next step costs; none where it cannot be built or counted.
    pub next_cost: Option<f64>,
    /// How many different networks were asked for their cost.
    pub asked: usize,
}

impl Scaler {
    /// The largest network within a budget of multiply-adds, parameters, activations or bytes.
    ///
    /// # Errors
    /// [`ScalingError::BudgetUnderBaseline`] where even the smallest network allowed costs more, with the nearest one that
    /// does not; [`ScalingError::NoGrowth`] for a rule by which nothing grows.
    pub fn grow(&self, budget: &Budget, options: GrowOptions) -> Result<Grown, ScalingError> {
        let quantity = budget.quantity();
        // A network that cannot be counted is over every budget.
        let cost =
            |spec: &ArchSpec| spec.totals().map_or(f64::INFINITY, |totals| quantity.of(&totals) as f64);
        let show = |cost| quantity.show(cost as u64);
        self.search(budget.amount() as f64, options, &mut HashMap::new(), &show, cost)
    }

    /// The largest network within a cost of one's own, such as seconds that were measured. `cost` is asked once for each
    /// network; infinity says that a network is out of the question.
    ///
    /// # Errors
    /// Those of [`Scaler::grow`]; [`ScalingError::Number`] for a limit that is no positive number, or a cost that is NaN.
    pub fn grow_by(
        &self,
        limit: f64,
        options: GrowOptions,
        cost: impl FnMut(&ArchSpec) -> f64,
    ) -> Result<Grown, ScalingError> {
        self.grow_knowing(limit, options, &mut HashMap::new(), cost)
    }

    /// The same, for many lines that start from one network and meet: `cost` is asked only for what is not in `known`, and what it
    /// says is put there.
    ///
    /// # Errors
    /// Those of [`Scaler::grow_by`].
    pub fn grow_knowing(
        &self,
        limit: f64,
        options: GrowOptions,
        known: &mut HashMap<Realised, f64>,
        cost: impl FnMut(&ArchSpec) -> f64,
    ) -> Result<Grown, ScalingError> {
        self.search(limit, options, known, &|cost| cost.to_string(), cost)
    }

    /// The same for a cost in milliseconds, measured or predicted.
    ///
    /// # Errors
    /// Those of [`Scaler::grow_by`].
    pub fn grow_timed(
        &self,
        milliseconds: f64,
        options: GrowOptions,
        cost: impl FnMut(&ArchSpec) -> f64,
    ) -> Result<Grown, ScalingError> {
        self.search(milliseconds, options, &mut HashMap::new(), &show_milliseconds, cost)
    }

    fn search(
        &self,
        limit: f64,
        options: GrowOptions,
        known: &mut HashMap<Realised, f64>,
        show: &dyn Fn(f64) -> String,
        cost: impl FnMut(&ArchSpec) -> f64,
    ) -> Result<Grown, ScalingError> {
        if !(limit > 0.0 && limit.is_finite()) {
            let (value, expected) = (limit.to_string(), "a finite number above 0");
            return Err(ScalingError::Number { what: "the budget", value, expected });
        }
        if options.overshoot.is_nan() || options.overshoot < 1.0 {
            let (value, expected) = (options.overshoot.to_string(), "at least 1");
            return Err(ScalingError::Number { what: "the overshoot", value, expected });
        }
        let constraint = self.rule().constraint();
        if constraint <= 1.0 {
            return Err(ScalingError::NoGrowth(constraint));
        }
        let mut staircase = Staircase { scaler: self, cost, known, asked: 0 };
        let own = staircase.cost(0)?;
        if own <= limit {
            let fits = staircase.climb(0, limit, options.overshoot)?;
            return staircase.grown(fits);
        }
        let fits = match staircase.descend(limit)? {
            Some(tick) => Some(staircase.climb(tick, limit, options.overshoot)?),
            None => None,
        };
        match fits {
            Some(tick) if options.shrink => staircase.grown(tick),
            _ => {
                let nearest = match fits {
                    Some(tick) => Some((phi_of(tick), show(staircase.cost(tick)?))),
                    None => None,
                };
                let base = self.base().name.clone();
                Err(ScalingError::BudgetUnderBaseline { budget: show(limit), base, own: show(own), nearest })
            }
        }
    }
}

/// The cost over the steps of a rule, each network asked once.
struct Staircase<'a, F> {
    scaler: &'a Scaler,
    cost: F,
    known: &'a mut HashMap<Realised, f64>,
    asked: usize,
}

impl<F: FnMut(&ArchSpec) -> f64> Staircase<'_, F> {
    /// Infinity where there is no network.
    fn cost(&mut self, tick: Tick) -> Result<f64, ScalingError> {
        let phi = phi_of(tick);
        let Ok(realised) = self.scaler.realised(phi) else { return Ok(f64::INFINITY) };
        if let Some(cost) = self.known.get(&realised) {
            return Ok(*cost);
        }
        self.asked += 1;
        let cost = (self.cost)(&self.scaler.spec(phi)?);
        if cost.is_nan() {
            let expected = "a number; it was asked for a network on the rule's line";
            return Err(ScalingError::Number { what: "the cost", value: "NaN".into(), expected });
        }
        self.known.insert(realised, cost);
        Ok(cost)
    }

    /// A tick below 0 that is within the limit.
    fn descend(&mut self, limit: f64) -> Result<Option<Tick>, ScalingError> {
        let mut tick = 0;
        while tick > -LAST_TICK {
            tick = (tick - STRIDE).max(-LAST_TICK);
            if self.cost(tick)? <= limit {
                return Ok(Some(tick));
            }
        }
        Ok(None)
    }

    /// From a tick that is within the limit to the last one that is.
    fn climb(&mut self, from: Tick, limit: f64, overshoot: f64) -> Result<Tick, ScalingError> {
        let (mut inside, mut over) = (from, from);
        while inside == over {
            if inside == LAST_TICK {
                return Ok(inside);
            }
            over = (inside + STRIDE).min(LAST_TICK);
            if self.cost(over)? <= limit {
                inside = over;
            }
        }
        let mut failure = None;
        over = halve(inside, over, |tick| {
            let cost = self.cost(tick).unwrap_or_else(|error| {
                failure.get_or_insert(error);
                f64::INFINITY
            });
            cost <= limit
        });
        if let Some(error) = failure {
            return Err(error);
        }
        inside = over - 1;
        while over <= LAST_TICK {
            let cost = self.cost(over)?;
            if cost > limit * overshoot {
                break;
            }
            let next = self.scaler.next_step(over, LAST_TICK);
            if cost <= limit {
                inside = next - 1;
            }
            over = next;
        }
        Ok(inside)
    }

    fn grown(&mut self, tick: Tick) -> Result<Grown, ScalingError> {
        let cost = self.cost(tick)?;
        let next = self.cost((tick + 1).min(LAST_TICK))?;
        Ok(Grown {
            point: self.scaler.point(phi_of(tick))?,
            cost,
            phi_from: phi_of(self.first_of_step(tick)),
            next_cost: Some(next).filter(|cost| cost.is_finite()),
            asked: self.asked,
        })
    }

    fn first_of_step(&self, tick: Tick) -> Tick {
        let here = self.scaler.realised(phi_of(tick)).ok();
        let same = |other: Tick| self.scaler.realised(phi_of(other)).ok() == here;
        let mut stride = 1;
        let mut inside = tick;
        while inside > -LAST_TICK {
            let ahead = (inside - stride).max(-LAST_TICK);
            if !same(ahead) {
                return halve(ahead, inside, |other| !same(other));
            }
            inside = ahead;
            stride *= 2;
        }
        inside
    }
}
