//! Batch normalisation (Ioffe and Szegedy, 2015) together with the activation behind it.
//!
//! y = act(gamma (x - mean) / sqrt(variance + epsilon) + beta), mean and (biased) variance of a channel over the batch.
//! Nothing but `x` and the statistics is kept for the way back: the rest is cheaper to compute again than to read.

use super::check;
use crate::Activation;

/// Batch normalisation and activation of maps `[batch, channels, pixels]`.
///
/// `gamma`, `beta`, `mean`, `variance` and their gradients have one number a channel. The variance is biased (divided by
/// [`Self::count`]); a running variance takes `variance * count / (count - 1)`, as PyTorch does.
///
/// [`Self::forward`] and [`Self::backward`] do all there is to do in one process. Where the batch is spread over several,
/// they come in halves, between which the processes exchange a few numbers a channel: [`Self::statistics`] then
/// [`Self::normalise`], [`Self::reduce`] then [`Self::apply`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormAct {
    /// Images; may be 0.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Height times width.
    pub pixels: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// What follows the normalisation.
    pub activation: Activation,
}

impl NormAct {
    /// Numbers in a channel: what the statistics are taken over.
    pub fn count(&self) -> usize {
        self.batch * self.pixels
    }

    /// Writes `y` and the statistics of the batch.
    pub fn forward(
        &self,
        x: &[f32],
        gamma: &[f32],
        beta: &[f32],
        y: &mut [f32],
        mean: &mut [f32],
        variance: &mut [f32],
    ) {
        self.statistics(x, mean, variance);
        self.normalise(x, gamma, beta, mean, variance, y);
    }

    /// Writes the gradients for `x`, `gamma` and `beta`, from the one for `y` and what [`Self::forward`] gave.
    #[allow(clippy::too_many_arguments, reason = "each is a tensor of the formula")]
    pub fn backward(
        &self,
        x: &[f32],
        dy: &[f32],
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        dx: &mut [f32],
        dgamma: &mut [f32],
        dbeta: &mut [f32],
    ) {
        self.reduce(x, dy, gamma, beta, mean, variance, dgamma, dbeta);
        self.apply(x, dy, gamma, beta, mean, variance, dgamma, dbeta, self.count(), dx);
    }

    /// Writes mean and biased variance of every channel over this process's part of the batch (0 where it has no images).
    ///
    /// Those of the whole follow from the parts': with `n` each part's [`Self::count`] and sums over the parts,
    /// `mean = sum(n mean_i) / sum(n)` and `variance = sum(n (variance_i + (mean_i - mean)^2)) / sum(n)`.
    pub fn statistics(&self, x: &[f32], mean: &mut [f32], variance: &mut [f32]) {
        check("x", x.len(), self.len());
        self.check_channels([("mean", mean.len()), ("variance", variance.len())]);
        for channel in 0..self.channels {
            let count = self.count().max(1) as f64;
            let values = || self.places(channel).map(|i| f64::from(x[i]));
            let average = values().sum::<f64>() / count;
            mean[channel] = average as f32;
            variance[channel] = (values().map(|x| (x - average).powi(2)).sum::<f64>() / count) as f32;
        }
    }

    /// Writes `y` from statistics that are given: the batch's, or (for evaluation) running ones.
    pub fn normalise(
        &self,
        x: &[f32],
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        y: &mut [f32],
    ) {
        check("x", x.len(), self.len());
        check("y", y.len(), self.len());
        self.check_channels([
            ("gamma", gamma.len()),
            ("beta", beta.len()),
            ("mean", mean.len()),
            ("variance", variance.len()),
        ]);
        for channel in 0..self.channels {
            let deviation = (variance[channel] + self.epsilon).sqrt();
            for i in self.places(channel) {
                let z = gamma[channel] * ((x[i] - mean[channel]) / deviation) + beta[channel];
                y[i] = activate(self.activation, z).0;
            }
        }
    }

    /// Writes the gradients for `gamma` and `beta`, over this process's part of the batch. Sums over the parts are the whole's.
    #[allow(clippy::too_many_arguments, reason = "each is a tensor of the formula")]
    pub fn reduce(
        &self,
        x: &[f32],
        dy: &[f32],
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        dgamma: &mut [f32],
        dbeta: &mut [f32],
    ) {
        check("x", x.len(), self.len());
        check("dy", dy.len(), self.len());
        self.check_channels([
            ("gamma", gamma.len()),
            ("beta", beta.len()),
            ("mean", mean.len()),
            ("variance", variance.len()),
            ("dgamma", dgamma.len()),
            ("dbeta", dbeta.len()),
        ]);
        for channel in 0..self.channels {
            let deviation = (variance[channel] + self.epsilon).sqrt();
            let (mut scaled, mut sum) = (0.0, 0.0);
            for i in self.places(channel) {
                let normal = (x[i] - mean[channel]) / deviation;
                let dz = dy[i] * activate(self.activation, gamma[channel] * normal + beta[channel]).1;
                scaled += f64::from(dz * normal);
                sum += f64::from(dz);
            }
            (dgamma[channel], dbeta[channel]) = (scaled as f32, sum as f32);
        }
    }

    /// Writes the gradient for `x`, from the sums of [`Self::reduce`] over the whole batch and its [`Self::count`].
    ///
    /// Where the statistics are constants (normalisation that is frozen), the sums are given as zeros.
    #[allow(clippy::too_many_arguments, reason = "each is a tensor of the formula")]
    pub fn apply(
        &self,
        x: &[f32],
        dy: &[f32],
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        dgamma: &[f32],
        dbeta: &[f32],
        count: usize,
        dx: &mut [f32],
    ) {
        check("x", x.len(), self.len());
        check("dy", dy.len(), self.len());
        check("dx", dx.len(), self.len());
        self.check_channels([
            ("gamma", gamma.len()),
            ("beta", beta.len()),
            ("mean", mean.len()),
            ("variance", variance.len()),
            ("dgamma", dgamma.len()),
            ("dbeta", dbeta.len()),
        ]);
        for channel in 0..self.channels {
            let deviation = (variance[channel] + self.epsilon).sqrt();
            for i in self.places(channel) {
                let normal = (x[i] - mean[channel]) / deviation;
                let dz = dy[i] * activate(self.activation, gamma[channel] * normal + beta[channel]).1;
                let shared = (dbeta[channel] + normal * dgamma[channel]) / count as f32;
                dx[i] = gamma[channel] / deviation * (dz - shared);
            }
        }
    }

    fn len(&self) -> usize {
        self.batch * self.channels * self.pixels
    }

    /// Where a channel's numbers are.
    fn places(&self, channel: usize) -> impl Iterator<Item = usize> {
        let Self { batch, channels, pixels, .. } = *self;
        (0..batch).flat_map(move |image| {
            let start = (image * channels + channel) * pixels;
            start..start + pixels
        })
    }

    #[track_caller]
    fn check_channels<const N: usize>(&self, slices: [(&str, usize); N]) {
        for (what, len) in slices {
            check(what, len, self.channels);
        }
    }
}

/// Value and derivative.
fn activate(activation: Activation, z: f32) -> (f32, f32) {
    let sigmoid = 1.0 / (1.0 + (-z).exp());
    let inside = |yes| if yes { 1.0 } else { 0.0 };
    match activation {
        Activation::None => (z, 1.0),
        Activation::Relu => (z.max(0.0), inside(z > 0.0)),
        Activation::Relu6 => (z.clamp(0.0, 6.0), inside(z > 0.0 && z < 6.0)),
        Activation::Silu => (z * sigmoid, sigmoid * (1.0 + z * (1.0 - sigmoid))),
        Activation::Sigmoid => (sigmoid, sigmoid * (1.0 - sigmoid)),
    }
}
