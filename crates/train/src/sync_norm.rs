//! Batch normalisation with the statistics of all ranks' images (Peng et al., MegDet, CVPR 2018), where the recipe's
//! `training.sync_norm` asks for it.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use efficientnet_ops::{is_fused, norm_sync};
use efficientnet_runs::recipe::Recipe;

use crate::{Ranks, TrainError};

/// Ends the synchronisation where it is dropped: the function that adds up is the whole process's.
pub(crate) struct Synchronised(());

impl Drop for Synchronised {
    fn drop(&mut self) {
        norm_sync::set(None);
    }
}

/// From here on every normalisation in training adds its sums up over all ranks. Nothing to do, and `None`, for one rank.
///
/// # Errors
/// [`TrainError::SyncNorm`] where this device cannot.
pub(crate) fn begin(
    recipe: &Recipe,
    ranks: &Arc<dyn Ranks>,
    device: &Device,
) -> Result<Option<Synchronised>, TrainError> {
    if !recipe.training.sync_norm || ranks.world() == 1 {
        return Ok(None);
    }
    if !is_fused(&Tensor::<1>::zeros([1], device)) {
        return Err(TrainError::SyncNorm);
    }
    let ranks = Arc::clone(ranks);
    norm_sync::set(Some(Arc::new(move |values: &mut [f32]| {
        // There is no way to hand an error through Burn's backward pass, and who goes on alone is waited for.
        #[allow(clippy::panic)]
        if let Err(error) = ranks.sum(values) {
            panic!("{error}");
        }
    })));
    Ok(Some(Synchronised(())))
}
