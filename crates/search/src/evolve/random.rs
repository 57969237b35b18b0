//! Random search over the same space, with the same number of networks: what evolution must beat.

use efficientnet_data::{Purpose, Random};

use super::history::Arm;
use super::{Evolution, EvolveError};

/// How often a network is drawn anew where it was known. In a space with as few networks left as that would take, the
/// search ends.
pub(super) const ATTEMPTS: usize = 256;

impl Evolution<'_> {
    /// The population that both searches begin with: the baseline, the others drawn at random.
    pub(super) fn first_population(&self) -> Result<Arm, EvolveError> {
        let mut arm = Arm::default();
        arm.add(self.member(self.space().own().clone(), None, 0)?);
        for index in 1..self.plan().population {
            self.draw(&mut arm, 0, Random::new(self.plan().seed, 0, index as u64, Purpose::Evolution))?;
        }
        Ok(arm)
    }

    /// As many more as evolution has children in a round.
    pub(super) fn draw_round(&self, arm: &mut Arm, round: u64) -> Result<(), EvolveError> {
        arm.begin_round();
        let places = arm.members.len()..self.plan().networks;
        for place in places.take(self.plan().children) {
            self.draw(arm, round, Random::new(self.plan().seed, 0, place as u64, Purpose::RandomSearch))?;
        }
        Ok(())
    }

    fn draw(&self, arm: &mut Arm, round: u64, mut random: Random) -> Result<(), EvolveError> {
        for _ in 0..ATTEMPTS {
            if arm.add(self.member(self.space().random(&mut random), None, round)?) {
                break;
            }
        }
        Ok(())
    }
}
