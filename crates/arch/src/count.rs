//! Parameters, multiply-adds, activations and memory, from the spec alone.
//!
//! Conventions, since projects differ:
//! - `params`: trainable values; batch normalisation has two a channel (its running statistics are not parameters).
//! - `macs`: multiply-adds of convolutions and the classifier, plus their bias additions. The paper, pycls and torchvision
//!   call this FLOPs. B0 has 385,825,092.
//! - `macs_fvcore`: the above plus two for each value that batch normalisation puts out; what fvcore and timm print.
//! - `activations`: values put out by convolutions, max pooling and the classifier (pycls; Radosavovic et al., CVPR 2020).
//! - `peak_activation_bytes`: the largest sum of f32 tensors that inference on one image holds at once, if nothing is kept
//!   longer than needed and normalisation, activations, gates and additions work in place.

use serde::Serialize;

use crate::{ArchError, ArchSpec, Layer, LayerOp, layer::elements};

/// A network's counts without their stages and layers, for those who count many networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// See [`Counts::params`].
    pub params: u64,
    /// See [`Counts::macs`].
    pub macs: u64,
    /// See [`Counts::macs_fvcore`].
    pub macs_fvcore: u64,
    /// See [`Counts::activations`].
    pub activations: u64,
    /// See [`Counts::peak_activation_bytes`].
    pub peak_activation_bytes: u64,
}

impl Totals {
    /// Sums that would leave 64 bits stop at `u64::MAX`, so one look at the end finds every overflow.
    fn of<'a>(layers: impl Iterator<Item = &'a LayerCounts>) -> Self {
        let zero = Self { params: 0, macs: 0, macs_fvcore: 0, activations: 0, peak_activation_bytes: 0 };
        layers.fold(zero, |sum, layer| Self {
            params: sum.params.saturating_add(layer.params),
            macs: sum.macs.saturating_add(layer.macs),
            macs_fvcore: sum.macs_fvcore.saturating_add(layer.macs_fvcore),
            activations: sum.activations.saturating_add(layer.activations),
            peak_activation_bytes: sum.peak_activation_bytes.max(layer.live_bytes),
        })
    }

    fn checked(self, spec: &ArchSpec) -> Result<Self, ArchError> {
        let largest = [self.params, self.macs_fvcore, self.activations, self.peak_activation_bytes];
        match largest.contains(&u64::MAX) {
            true => Err(ArchError::TooLarge { name: spec.name.clone() }),
            false => Ok(self),
        }
    }
}

/// A network's counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counts {
    /// Side of the input in pixels.
    pub resolution: usize,
    /// Trainable values.
    pub params: u64,
    /// Multiply-adds (paper's FLOPs).
    pub macs: u64,
    /// Multiply-adds as fvcore and timm count them.
    pub macs_fvcore: u64,
    /// Values put out by convolutions, max pooling and classifier.
    pub activations: u64,
    /// Peak of the live tensors for one image in f32.
    pub peak_activation_bytes: u64,
    /// Stem, stages, head; their counts add up to the totals.
    pub stages: Vec<StageCounts>,
    /// Layer by layer.
    #[serde(skip)]
    pub layers: Vec<LayerCounts>,
}

/// Counts of the stem, a stage or the head.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageCounts {
    /// `stem`, the stage's row in the notation of the official code, or `head`.
    pub name: String,
    /// Number of blocks; 0 for stem and head.
    pub blocks: usize,
    /// `[channels, height, width]` in.
    pub input: [usize; 3],
    /// `[channels, height, width]` out.
    pub output: [usize; 3],
    /// See [`Counts::params`].
    pub params: u64,
    /// See [`Counts::macs`].
    pub macs: u64,
    /// See [`Counts::macs_fvcore`].
    pub macs_fvcore: u64,
    /// See [`Counts::activations`].
    pub activations: u64,
    /// Peak of the live tensors while this stage runs.
    pub peak_activation_bytes: u64,
}

/// Counts of one layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerCounts {
    /// The layer.
    #[serde(flatten)]
    pub layer: Layer,
    /// See [`Counts::params`].
    pub params: u64,
    /// See [`Counts::macs`].
    pub macs: u64,
    /// See [`Counts::macs_fvcore`].
    pub macs_fvcore: u64,
    /// See [`Counts::activations`].
    pub activations: u64,
    /// Bytes of the tensors that live at this step.
    pub live_bytes: u64,
}

impl LayerCounts {
    fn of(layer: Layer) -> Self {
        let [in_channels, ..] = layer.input.map(|n| n as u64);
        let [out_channels, ..] = layer.output.map(|n| n as u64);
        let out = elements(layer.output);
        let (params, macs, normalised, activations) = match layer.op {
            LayerOp::Conv { kernel, groups, bias, .. } => {
                let window = (kernel as u64).saturating_mul(kernel as u64);
                let taps = (in_channels / groups as u64).saturating_mul(window).saturating_add(bias.into());
                (out_channels.saturating_mul(taps), out.saturating_mul(taps), 0, out)
            }
            LayerOp::Linear => {
                let weights = out_channels.saturating_mul(in_channels + 1);
                (weights, weights, 0, out)
            }
            LayerOp::BatchNorm => (2 * out_channels, 0, out.saturating_mul(2), 0),
            LayerOp::MaxPool { .. } => (0, 0, 0, out),
            LayerOp::Activation | LayerOp::GlobalPool | LayerOp::Gate | LayerOp::Add => (0, 0, 0, 0),
        };
        let live_bytes = layer.live.saturating_mul(size_of::<f32>() as u64);
        Self { layer, params, macs, macs_fvcore: macs.saturating_add(normalised), activations, live_bytes }
    }
}

impl ArchSpec {
    /// Counts the network at its resolution.
    ///
    /// # Errors
    /// [`ArchError::OutOfRange`] where the number of classes or of input channels is out of range;
    /// [`ArchError::TooLarge`] where a count does not fit 64 bits.
    pub fn count(&self) -> Result<Counts, ArchError> {
        self.check()?;
        let layers: Vec<LayerCounts> = self.layers().into_iter().map(LayerCounts::of).collect();
        let Totals { params, macs, macs_fvcore, activations, peak_activation_bytes } =
            Totals::of(layers.iter()).checked(self)?;
        Ok(Counts {
            resolution: self.resolution(),
            params,
            macs,
            macs_fvcore,
            activations,
            peak_activation_bytes,
            stages: self.stage_counts(&layers),
            layers,
        })
    }

    /// What [`ArchSpec::count`] has in its totals, several times faster.
    ///
    /// # Errors
    /// Those of [`ArchSpec::count`].
    pub fn totals(&self) -> Result<Totals, ArchError> {
        self.check()?;
        let layers: Vec<LayerCounts> = self.unnamed_layers().into_iter().map(LayerCounts::of).collect();
        Totals::of(layers.iter()).checked(self)
    }

    fn stage_counts(&self, layers: &[LayerCounts]) -> Vec<StageCounts> {
        // Stem and head have no stage of their own, so the layers fall into runs of equal stage.
        let runs = layers.chunk_by(|a, b| a.layer.stage == b.layer.stage);
        let mut stages: Vec<StageCounts> = runs.map(|run| self.stage_count(run)).collect();
        if let Some(stem) = stages.first_mut() {
            stem.name = "stem".into();
        }
        stages
    }

    fn stage_count(&self, run: &[LayerCounts]) -> StageCounts {
        let sum = |value: fn(&LayerCounts) -> u64| run.iter().map(value).sum();
        let stage = run[0].layer.stage.map(|index| &self.stages[index]);
        StageCounts {
            name: stage.map_or("head".into(), |stage| stage.args.to_string()),
            blocks: stage.map_or(0, |stage| stage.blocks.len()),
            input: run[0].layer.input,
            output: run[run.len() - 1].layer.output,
            params: sum(|l| l.params),
            macs: sum(|l| l.macs),
            macs_fvcore: sum(|l| l.macs_fvcore),
            activations: sum(|l| l.activations),
            peak_activation_bytes: run.iter().map(|l| l.live_bytes).max().unwrap_or(0),
        }
    }
}
