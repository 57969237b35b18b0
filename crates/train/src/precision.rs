//! Training in 16 bits (Micikevicius et al., Mixed Precision Training, ICLR 2018): convolutions, maps and their gradients
//! have the images' number format; weights, statistics, loss and updates stay `f32`.

use burn::tensor::{DType, Device};
use efficientnet_runs::recipe::Precision;

use crate::TrainError;

/// The loss is multiplied by it before the backward pass in `f16`, and the gradients are divided by it: gradients of a map are
/// often smaller than `f16`'s least number, 6e-8. `bf16` has the range of `f32` and needs none.
const F16_LOSS_SCALE: f64 = 1024.0;

/// The format as Burn names it.
pub(crate) fn dtype(precision: Precision) -> DType {
    match precision {
        Precision::F32 => DType::F32,
        Precision::Bf16 => DType::BF16,
        Precision::F16 => DType::F16,
    }
}

/// What the loss of images in this format is multiplied by for the backward pass.
pub(crate) fn loss_scale(images: DType) -> f64 {
    if images == DType::F16 { F16_LOSS_SCALE } else { 1.0 }
}

/// # Errors
/// [`TrainError::Precision`] where the device cannot compute in it.
pub(crate) fn check(precision: Precision, device: &Device) -> Result<(), TrainError> {
    let name = match precision {
        Precision::F32 => return Ok(()),
        Precision::Bf16 => "bf16",
        Precision::F16 => "f16",
    };
    match device.supports_dtype(dtype(precision)) {
        true => Ok(()),
        false => Err(TrainError::Precision(name)),
    }
}
