//! The line of a rule, as the steps that rounding makes of it.
//!
//! phi is looked at in millionths ([`Tick`]), which makes "the largest phi" a number that can be found, printed and checked.
//! Along a rule every dimension runs one way and so do its roundings; where the two ends of a stretch realise the same
//! network, the whole stretch does. That is what finding the next step by halving rests on.

use efficientnet_arch::Realised;

use crate::{Scaler, ScalingError};

/// phi in millionths.
pub(crate) type Tick = i64;

pub(crate) const TICKS_PER_PHI: Tick = 1_000_000;

/// phi is looked for from -100 to 100: far outside what can be built by any rule that grows at all.
pub(crate) const LAST_TICK: Tick = 100 * TICKS_PER_PHI;

pub(crate) fn phi_of(tick: Tick) -> f64 {
    tick as f64 / TICKS_PER_PHI as f64
}

pub(crate) fn tick_of(phi: f64) -> Tick {
    ((phi * TICKS_PER_PHI as f64).round() as Tick).clamp(-LAST_TICK, LAST_TICK)
}

/// A stretch of phi that is one network.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The smallest phi of the stretch, in whole millionths.
    pub from: f64,
    /// The largest.
    pub to: f64,
    /// The numbers of the network.
    pub realised: Realised,
}

impl Scaler {
    /// The networks that the rule goes through from `low` to `high`, in order, each once. The first and the last stretch are
    /// cut off at the bounds. Ends early where a network can no longer be built.
    ///
    /// # Errors
    /// [`ScalingError::Number`] where a bound is not finite, [`ScalingError::Unrealisable`] where not even the first network can
    /// be built.
    pub fn steps(&self, low: f64, high: f64) -> Result<impl Iterator<Item = Step> + '_, ScalingError> {
        self.coefficients(high)?;
        self.realised(low)?;
        let (mut tick, last) = (tick_of(low), tick_of(high));
        Ok(std::iter::from_fn(move || {
            let realised = self.realised(phi_of(tick)).ok().filter(|_| tick <= last)?;
            let next = self.next_step(tick, last);
            let step = Step { from: phi_of(tick), to: phi_of(next - 1), realised };
            tick = next;
            Some(step)
        }))
    }

    /// The first tick after `tick` with another network (or none), or `last + 1`.
    pub(crate) fn next_step(&self, tick: Tick, last: Tick) -> Tick {
        let here = self.realised(phi_of(tick)).ok();
        let same = |other: Tick| self.realised(phi_of(other)).ok() == here;
        let mut stride = 1;
        let mut inside = tick;
        while inside < last {
            let ahead = (inside + stride).min(last);
            if !same(ahead) {
                return halve(inside, ahead, same);
            }
            inside = ahead;
            stride *= 2;
        }
        last + 1
    }
}

/// The first tick that is not `inside`, where `low` is and `high` is not.
pub(crate) fn halve(mut low: Tick, mut high: Tick, mut inside: impl FnMut(Tick) -> bool) -> Tick {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if inside(middle) { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CompoundRule;

    /// Tick by tick over a short stretch, and thousandth by thousandth over a long one.
    #[test]
    fn no_step_is_missed() {
        let scaler = Scaler::named("efficientnet-b0", CompoundRule::PAPER).unwrap();
        let steps: Vec<Step> = scaler.steps(0.99, 1.01).unwrap().collect();
        let mut found = Vec::new();
        for tick in tick_of(0.99)..=tick_of(1.01) {
            let realised = scaler.realised(phi_of(tick)).unwrap();
            if found.last() != Some(&realised) {
                found.push(realised);
            }
        }
        assert!(found.len() > 1);
        assert_eq!(steps.into_iter().map(|step| step.realised).collect::<Vec<_>>(), found);

        let steps: Vec<Step> = scaler.steps(-2.0, 3.0).unwrap().collect();
        for thousandth in -2000..=3000 {
            let phi = f64::from(thousandth) / 1e3;
            let step = steps.iter().find(|step| step.from <= phi && phi <= step.to).unwrap();
            assert_eq!(step.realised, scaler.realised(phi).unwrap(), "{phi}");
        }
    }

    #[test]
    fn steps_join_and_differ() {
        let scaler = Scaler::named("resnet50", CompoundRule::fast(0.8).unwrap()).unwrap();
        let steps: Vec<Step> = scaler.steps(0.0, 2.0).unwrap().collect();
        assert!(steps.len() > 20);
        for step in &steps {
            let (first, last) = (scaler.spec(step.from).unwrap(), scaler.spec(step.to).unwrap());
            assert_eq!((first.stem, first.stages, first.head), (last.stem, last.stages, last.head));
        }
        for pair in steps.windows(2) {
            assert_ne!(pair[0].realised, pair[1].realised);
            assert!((pair[1].from - pair[0].to - 1e-6).abs() < 1e-9);
        }
        assert_eq!((steps[0].from, steps[steps.len() - 1].to), (0.0, 2.0));
    }

    #[test]
    fn steps_end_where_nothing_can_be_built() {
        let scaler = Scaler::named("mobilenetv2", CompoundRule::width_only()).unwrap();
        let last = scaler.steps(10.0, 20.0).unwrap().last().unwrap();
        // 2^(phi/2) = 50 is arch's limit.
        assert!((last.to - 2.0 * 50f64.log2()).abs() < 2e-6, "{}", last.to);
        assert!(scaler.steps(20.0, 21.0).is_err());
        assert!(scaler.steps(0.0, f64::NAN).is_err());
    }
}
