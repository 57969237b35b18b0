//! Another number of classes or of input channels for a trained network.

use burn::module::Param;
use burn::tensor::Device;

use crate::{ModelError, Network, init};

impl Network {
    /// Puts a new, untrained classifier on the trained backbone.
    ///
    /// # Errors
    /// [`ModelError::Arch`] where `classes` is out of range.
    pub fn with_new_classifier(mut self, classes: usize, device: &Device) -> Result<Self, ModelError> {
        self.spec = self.spec.with_classes(classes).checked()?;
        self.classifier = init::classifier(self.spec.num_features(), classes, device);
        Ok(self)
    }

    /// Adapts the trained stem to images of another number of channels, by timm's rule (`adapt_input_conv`): one channel
    /// gets the sum of the filters; any other number gets them repeated and scaled by `old / new`, so that an image
    /// whose channels repeat gives the same response.
    ///
    /// # Errors
    /// [`ModelError::Arch`] where `channels` is out of range.
    pub fn with_in_channels(mut self, channels: usize) -> Result<Self, ModelError> {
        let trained = self.spec.in_channels;
        self.spec = self.spec.with_in_channels(channels).checked()?;
        if channels == trained {
            return Ok(self);
        }
        let weight = self.stem.conv.weight.val();
        let adapted = if channels == 1 {
            weight.sum_dim(1)
        } else {
            let copies = channels.div_ceil(trained);
            weight.repeat(&[1, copies, 1, 1]).narrow(1, 0, channels) * (trained as f64 / channels as f64)
        };
        self.stem.conv.weight = Param::from_tensor(adapted);
        Ok(self)
    }
}
