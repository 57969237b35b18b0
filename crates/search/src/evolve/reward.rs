//! What a network is worth: ACC(m) x (COST(m) / T)^w, section 4 of the paper (Tan et al. 2019, equation 2).
//!
//! With w = -0.07 a network of twice the cost is worth as much if it is right for 5 % more of the images that it was right
//! for: 2^0.07 is 1.05. T only decides where the factor is 1; which of two networks is worth more does not depend on it.

use serde::Serialize;

/// T and w.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Objective {
    /// T, in the plan's measure of cost.
    pub target_cost: f64,
    /// w; official -0.07.
    pub exponent: f64,
}

impl Objective {
    /// A network's worth by its accuracy, 0 to 1, and its cost.
    pub fn reward(&self, top1: f64, cost: f64) -> f64 {
        top1 * (cost / self.target_cost).powf(self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICIAL: Objective = Objective { target_cost: 400e6, exponent: -0.07 };

    #[test]
    fn the_reward_of_a_network_at_the_target_is_its_accuracy() {
        assert_eq!(OFFICIAL.reward(0.763, 400e6), 0.763);
        assert_eq!(OFFICIAL.reward(0.0, 1.0), 0.0);
    }

    /// MnasNet's own reading of the exponent: "doubling the latency usually brings about 5 % relative accuracy gain".
    #[test]
    fn twice_the_cost_is_worth_five_percent() {
        assert!((OFFICIAL.reward(0.525, 800e6) - 0.5 * 1.05 * 0.952_638).abs() < 1e-6);
        let doubled = OFFICIAL.reward(0.5 * 1.05, 800e6);
        assert!((doubled / OFFICIAL.reward(0.5, 400e6) - 1.0).abs() < 3e-4, "{doubled}");
        let indifferent = Objective { exponent: 0.0, ..OFFICIAL };
        assert_eq!(indifferent.reward(0.5, 1e12), 0.5);
    }
}
