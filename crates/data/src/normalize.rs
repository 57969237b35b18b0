//! From 8-bit levels to what a network was trained on.
//!
//! All are `(level / 255 - mean) / std`, in the order and the precision in which torchvision computes it
//! (`convert_image_dtype`, then `Normalize`), so that the values are equal in every bit.

use std::fmt;

use pulp::{Arch, Simd, WithSimd};

/// The mean and standard deviation of a normalisation, by name where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Normalization {
    /// ImageNet's mean and standard deviation for each channel: EfficientNet on TPU, V2-B0 to B3, torchvision and timm.
    ImageNet,
    /// `level / 127.5 - 1`, from -1 to 1: AdvProp checkpoints, Inception, MobileNet, V2 in Keras and timm.
    Inception,
    /// `(level - 127) / 128`: EfficientNet-Lite and EdgeTPU (tensorflow/tpu, `models/official/efficientnet/lite` and
    /// `edgetpu`, `MEAN_RGB` and `STDDEV_RGB`).
    TfLite,
    /// `(level - 128) / 128`: EfficientNetV2 S, M, L and XL (google/automl, `efficientnetv2/preprocessing.py`).
    AutoMl,
    /// `level / 255`, from 0 to 1.
    Unit,
    /// The levels as they are, from 0 to 255: for networks that normalise inside, as in Keras.
    Raw,
    /// Any other mean and standard deviation, of values from 0 to 1.
    Custom {
        /// Red, green and blue.
        mean: [f32; 3],
        /// Red, green and blue; above 0.
        std: [f32; 3],
    },
}

const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

impl Normalization {
    /// Those with a name.
    pub const NAMED: [Self; 6] =
        [Self::ImageNet, Self::Inception, Self::TfLite, Self::AutoMl, Self::Unit, Self::Raw];

    /// The normalisation with this mean and standard deviation (of values from 0 to 1), by name where it has one.
    pub fn from_mean_std(mean: [f32; 3], std: [f32; 3]) -> Self {
        let same = |named: &Self| (named.mean(), named.std()) == (mean, std);
        Self::NAMED.into_iter().find(same).unwrap_or(Self::Custom { mean, std })
    }

    /// Its name in a pipeline; `None` for [`Normalization::Custom`].
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::ImageNet => Some("imagenet"),
            Self::Inception => Some("inception"),
            Self::TfLite => Some("tf_lite"),
            Self::AutoMl => Some("automl"),
            Self::Unit => Some("unit"),
            Self::Raw => Some("raw"),
            Self::Custom { .. } => None,
        }
    }

    /// The normalisation of this name. `tpu` is `imagenet`, which the official code writes in levels from 0 to 255.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "tpu" => Some(Self::ImageNet),
            name => Self::NAMED.into_iter().find(|named| named.name() == Some(name)),
        }
    }

    /// Mean of red, green and blue, of values from 0 to 1.
    pub fn mean(&self) -> [f32; 3] {
        match self {
            Self::ImageNet => IMAGENET_MEAN,
            Self::Inception => [0.5; 3],
            Self::TfLite => [127.0 / 255.0; 3],
            Self::AutoMl => [128.0 / 255.0; 3],
            Self::Unit | Self::Raw => [0.0; 3],
            Self::Custom { mean, .. } => *mean,
        }
    }

    /// Standard deviation of red, green and blue, of values from 0 to 1.
    pub fn std(&self) -> [f32; 3] {
        match self {
            Self::ImageNet => IMAGENET_STD,
            Self::Inception => [0.5; 3],
            Self::TfLite | Self::AutoMl => [128.0 / 255.0; 3],
            Self::Unit => [1.0; 3],
            Self::Raw => [1.0 / 255.0; 3],
            Self::Custom { std, .. } => *std,
        }
    }

    /// The value of a level in a channel (0 is red).
    fn value(&self, level: u8, channel: usize) -> f32 {
        let level = f32::from(level);
        match self {
            // Exact numbers, which dividing by 255 first would round.
            Self::Raw => level,
            Self::TfLite => (level - 127.0) / 128.0,
            Self::AutoMl => (level - 128.0) / 128.0,
            _ => (level / 255.0 - self.mean()[channel]) / self.std()[channel],
        }
    }

    /// The levels `[height, width, 3]` of normalised values `[3, height, width]`, rounded and cut to 0 to 255.
    pub(crate) fn levels(&self, values: &[f32]) -> Vec<u8> {
        let plane = values.len() / 3;
        let level = |index: usize| {
            let (pixel, channel) = (index / 3, index % 3);
            let value = values[channel * plane + pixel] * self.std()[channel] + self.mean()[channel];
            (value * 255.0).round() as u8
        };
        (0..values.len()).map(level).collect()
    }

    /// Normalises `[height, width, 3]` levels to `[3, height, width]` values.
    ///
    /// # Panics
    /// If there are not as many values as levels.
    pub fn apply(&self, levels: &[u8], values: &mut [f32]) {
        assert_eq!(levels.len(), values.len(), "as many values as levels are needed");
        let plane = levels.len() / 3;
        for (channel, plane) in values.chunks_exact_mut(plane.max(1)).enumerate() {
            Arch::new().dispatch(Apply { normalization: self, channel, levels, values: plane });
        }
    }

    /// [`Normalization::value`] with multiplications alone, where that is equal in every bit for all levels.
    #[inline(always)]
    fn linear(&self, channel: usize) -> Option<Linear> {
        let linear = match self {
            Self::Raw | Self::TfLite | Self::AutoMl => return None,
            _ => Linear::new(self.mean()[channel], self.std()[channel]),
        };
        let is_equal = |level: u8| linear.value(level).to_bits() == self.value(level, channel).to_bits();
        (0..=u8::MAX).all(is_equal).then_some(linear)
    }
}

/// `(level / 255 - mean) / std` without a division: each quotient is a product, corrected by what it misses.
#[derive(Clone, Copy)]
struct Linear {
    mean: f32,
    std: f32,
    by_std: f32,
}

impl Linear {
    fn new(mean: f32, std: f32) -> Self {
        Self { mean, std, by_std: 1.0 / std }
    }

    #[inline(always)]
    fn value(self, level: u8) -> f32 {
        let quotient = |above: f32, below: f32, inverse: f32| {
            let near = above * inverse;
            (-near).mul_add(below, above).mul_add(inverse, near)
        };
        quotient(quotient(level.into(), 255.0, 1.0 / 255.0) - self.mean, self.std, self.by_std)
    }
}

/// One channel, compiled for the vectors of the processor that it runs on.
struct Apply<'a> {
    normalization: &'a Normalization,
    channel: usize,
    levels: &'a [u8],
    values: &'a mut [f32],
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { normalization, channel, levels, values } = self;
        let pixels = levels.as_chunks::<3>().0;
        // Processors without vectors of floats have no fused multiplication, either, and would take long.
        let linear = if S::F32_LANES > 1 { normalization.linear(channel) } else { None };
        if let Some(linear) = linear {
            for (value, pixel) in values.iter_mut().zip(pixels) {
                *value = linear.value(pixel[channel]);
            }
            return;
        }
        let table: [f32; 256] = std::array::from_fn(|level| normalization.value(level as u8, channel));
        for (value, pixel) in values.iter_mut().zip(pixels) {
            *value = table[usize::from(pixel[channel])];
        }
    }
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom { mean, std } => write!(f, "mean={mean:?}, std={std:?}"),
            named => f.write_str(named.name().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_ones_are_their_formulas() {
        let value = |normalization: Normalization, level| normalization.value(level, 1);
        assert_eq!(value(Normalization::ImageNet, 0), -0.456 / 0.224);
        assert_eq!([value(Normalization::Inception, 0), value(Normalization::Inception, 255)], [-1.0, 1.0]);
        assert_eq!([value(Normalization::TfLite, 127), value(Normalization::TfLite, 255)], [0.0, 1.0]);
        assert_eq!([value(Normalization::AutoMl, 0), value(Normalization::AutoMl, 128)], [-1.0, 0.0]);
        assert_eq!(value(Normalization::Raw, 200), 200.0);
        assert_eq!(value(Normalization::Unit, 51), 0.2);
    }

    #[test]
    fn mean_and_std_agree_with_the_formulas() {
        for named in Normalization::NAMED {
            for (level, channel) in [(0, 0), (1, 1), (200, 2), (255, 0)] {
                let formula = (f32::from(level) / 255.0 - named.mean()[channel]) / named.std()[channel];
                assert!(
                    (named.value(level, channel) - formula).abs() < 1e-5 * formula.abs().max(1.0),
                    "{named}"
                );
            }
        }
    }

    #[test]
    fn names_are_found() {
        for named in Normalization::NAMED {
            assert_eq!(Normalization::named(&named.to_string()), Some(named));
            assert_eq!(Normalization::from_mean_std(named.mean(), named.std()), named);
        }
        assert_eq!(Normalization::named("tpu"), Some(Normalization::ImageNet));
        assert_eq!(Normalization::named("none"), None);
    }

    #[test]
    fn levels_come_back() {
        let levels: Vec<u8> = (0..=254).collect();
        for named in Normalization::NAMED {
            let mut values = vec![0.0; levels.len()];
            named.apply(&levels, &mut values);
            assert_eq!(named.levels(&values), levels, "{named}");
        }
    }

    #[test]
    fn channels_come_first() {
        let mut values = [0.0; 6];
        Normalization::Raw.apply(&[1, 2, 3, 4, 5, 6], &mut values);
        assert_eq!(values, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
