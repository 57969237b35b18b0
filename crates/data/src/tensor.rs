//! Batches become tensors: the only place here that knows Burn, behind the cargo feature `burn`.
//!
//! A level is one byte and a value four. To a device with memory of its own the bytes go, four in an integer, since not
//! every such device has 8-bit numbers, and are taken apart and normalised there. A device that computes in our memory
//! gains nothing by that: for it the values are computed as they are copied.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::loader::Batch;
use crate::mix::Mix;
use crate::normalize::Normalization;

/// Where levels become values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NormalizeOn {
    /// In our memory, for devices that compute there.
    Host,
    /// On the device, after a quarter of the bytes have gone there.
    Device,
}

impl Batch {
    /// The images, `[batch, 3, height, width]`: normalised, and mixed where the transform says so.
    pub fn images(&self, normalization: Normalization, device: &Device, on: NormalizeOn) -> Tensor<4> {
        let [batch, height, width, channels] = self.shape();
        match (on, self.mix()) {
            (NormalizeOn::Host, _) => {
                let data = TensorData::new(self.values(normalization), [batch, channels, height, width]);
                Tensor::from_data(data, device)
            }
            (NormalizeOn::Device, Some(mix)) => mixed(self.normalised_there(normalization, device), mix),
            (NormalizeOn::Device, None) => self.normalised_there(normalization, device),
        }
    }

    /// The classes, `[batch]`.
    pub fn targets(&self, device: &Device) -> Tensor<1, Int> {
        let labels: Vec<i32> = self.labels().iter().map(|label| *label as i32).collect();
        Tensor::from_data(TensorData::new(labels, [self.labels().len()]), device)
    }

    /// What the network is to say, `[batch, classes]`: see [`Batch::soft_targets`].
    ///
    /// # Panics
    /// If a label is not below `classes`.
    pub fn soft_targets_on(&self, classes: usize, smoothing: f32, device: &Device) -> Tensor<2> {
        let targets = self.soft_targets(classes, smoothing);
        Tensor::from_data(TensorData::new(targets, [self.labels().len(), classes]), device)
    }

    /// 1 for each image that counts and 0 for others, `[batch]`: what to weigh the losses with.
    pub fn weights(&self, device: &Device) -> Tensor<1> {
        let weights: Vec<f32> = self.valid().iter().map(|valid| f32::from(u8::from(*valid))).collect();
        Tensor::from_data(TensorData::new(weights, [self.valid().len()]), device)
    }

    fn normalised_there(&self, normalization: Normalization, device: &Device) -> Tensor<4> {
        let [batch, height, width, channels] = self.shape();
        let count = self.levels().len();
        let words = count.div_ceil(4);
        let mut packed = Vec::with_capacity(words);
        packed.extend(self.levels().chunks(4).map(|levels| {
            let mut bytes = [0; 4];
            bytes[..levels.len()].copy_from_slice(levels);
            i32::from_le_bytes(bytes)
        }));
        let packed = Tensor::<1, Int>::from_data(TensorData::new(packed, [words]), device);
        let byte = |place: i32| packed.clone().bitwise_right_shift_scalar(8 * place).bitwise_and_scalar(255);
        let levels: Tensor<2, Int> = Tensor::stack((0..4).map(byte).collect(), 1);
        let levels = levels.reshape([words * 4]).narrow(0, 0, count).float();
        let levels = levels.reshape([batch, height, width, channels]).permute([0, 3, 1, 2]);
        let of_channels = |values: [f32; 3]| {
            Tensor::<1>::from_data(TensorData::new(values.to_vec(), [3]), device).reshape([1, 3, 1, 1])
        };
        (levels / 255.0 - of_channels(normalization.mean())) / of_channels(normalization.std())
    }
}

/// [`Mix::apply`] on a device.
fn mixed(images: Tensor<4>, mix: &Mix) -> Tensor<4> {
    let [batch, channels, height, width] = images.dims();
    let part = |images: Range<usize>| [images, 0..channels, 0..height, 0..width];
    let (before, behind) = (images.clone().slice(part(0..mix.shift())), part(mix.shift()..batch));
    let partners = Tensor::cat(vec![images.clone().slice(behind), before], 0);
    match *mix {
        Mix::MixUp { lambda, .. } => images * lambda + partners * (1.0 - lambda),
        Mix::CutMix { rows, columns, .. } => {
            let window = [0..batch, 0..channels, rows[0]..rows[1], columns[0]..columns[1]];
            if window.iter().any(Range::is_empty) {
                return images;
            }
            images.slice_assign(window.clone(), partners.slice(window))
        }
    }
}
