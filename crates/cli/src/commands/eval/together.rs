//! What all ranks said, in the order of the images.

use efficientnet_train::{Ranks, TrainError};

use super::Prediction;
use crate::error::CliError;

/// Predictions with their image's place among all, and the reasons for which images were left out.
type Results = (Vec<(usize, Prediction)>, Vec<String>);

/// Everyone's results, the same on all ranks.
///
/// # Errors
/// [`TrainError::Ranks`] where the others cannot be reached.
pub fn together(own: Results, ranks: &dyn Ranks) -> Result<Results, CliError> {
    if ranks.world() == 1 {
        return Ok(own);
    }
    let lost = |error: serde_json::Error| TrainError::Ranks(error.to_string());
    let (mut predictions, mut skipped) = (Vec::new(), Vec::new());
    for bytes in ranks.gather(&serde_json::to_vec(&own).map_err(lost)?)? {
        let (mut theirs, mut left_out): Results = serde_json::from_slice(&bytes).map_err(lost)?;
        predictions.append(&mut theirs);
        skipped.append(&mut left_out);
    }
    predictions.sort_by_key(|(sample, _)| *sample);
    Ok((predictions, skipped))
}

/// Whether anybody was asked to stop: all leave together, after the same batch.
///
/// # Errors
/// As [`together`].
pub fn anybody(asked: bool, ranks: &dyn Ranks) -> Result<bool, CliError> {
    let mut asked = [f64::from(u8::from(asked))];
    ranks.sum_f64(&mut asked)?;
    Ok(asked[0] > 0.0)
}
