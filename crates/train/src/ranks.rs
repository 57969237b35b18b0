//! The processes that train together, one for each device.
//!
//! Every rank sees its share of each batch; gradients, scores and statistics are added up. What is added has the same
//! length on all ranks, and all ranks add in the same order: a rank that does not come keeps the others waiting until the
//! launcher ends them.

use crate::TrainError;

/// One process' view of all of them.
pub trait Ranks: Send + Sync {
    /// Which one this is, from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn world(&self) -> usize;

    /// Puts the sum over all ranks in the place of every value. The sum is the same, bit for bit, on all ranks.
    ///
    /// # Errors
    /// [`TrainError::Ranks`] where the others cannot be reached.
    fn sum(&self, values: &mut [f32]) -> Result<(), TrainError>;

    /// As [`Ranks::sum`], in double precision: for counts.
    ///
    /// # Errors
    /// As [`Ranks::sum`].
    fn sum_f64(&self, values: &mut [f64]) -> Result<(), TrainError>;

    /// Everyone's bytes, by rank: the same on all ranks.
    ///
    /// # Errors
    /// As [`Ranks::sum`].
    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TrainError>;

    /// Rank 0 reads, writes and speaks for all.
    fn leads(&self) -> bool {
        self.rank() == 0
    }
}

/// The only process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Ranks for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn world(&self) -> usize {
        1
    }

    fn sum(&self, _values: &mut [f32]) -> Result<(), TrainError> {
        Ok(())
    }

    fn sum_f64(&self, _values: &mut [f64]) -> Result<(), TrainError> {
        Ok(())
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TrainError> {
        Ok(vec![bytes.to_vec()])
    }
}
