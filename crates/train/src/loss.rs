//! Cross entropy with soft targets: what label smoothing, MixUp and CutMix need, and what Burn's loss does not take.

use burn::tensor::{Tensor, activation};

/// Mean cross entropy `-sum_c target[c] * log_softmax(logits)[c]` over the images, each with its weight.
///
/// # Shapes
/// - logits and targets: `[batch, classes]`, the rows of the targets sum to 1
/// - weights: `[batch]`, 0 for an image that does not count; the mean is over the sum of the weights, which is not 0
/// - output: `[1]`
pub fn soft_cross_entropy(logits: Tensor<2>, targets: Tensor<2>, weights: Option<Tensor<1>>) -> Tensor<1> {
    let losses: Tensor<1> = (activation::log_softmax(logits, 1) * targets).sum_dim(1).flatten(0, 1).neg();
    match weights {
        Some(weights) => (losses * weights.clone()).sum() / weights.sum(),
        None => losses.mean(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_formula() {
        let device = efficientnet_backend::device("flex").unwrap();
        let logits = Tensor::<2>::from_floats([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], &device);
        let targets = Tensor::<2>::from_floats([[0.1, 0.2, 0.7], [1.0, 0.0, 0.0]], &device);
        let total: f64 = [1.0f64, 2.0, 3.0].iter().map(|x| x.exp()).sum::<f64>().ln();
        let first = total - (0.1 + 0.4 + 2.1);
        let second = 3f64.ln();
        let mean: f32 = soft_cross_entropy(logits.clone(), targets.clone(), None).into_scalar();
        assert!((f64::from(mean) - (first + second) / 2.0).abs() < 1e-6, "{mean}");
        let weights = Tensor::<1>::from_floats([1.0, 0.0], &device);
        let one: f32 = soft_cross_entropy(logits, targets, Some(weights)).into_scalar();
        assert!((f64::from(one) - first).abs() < 1e-6, "{one}");
    }
}
