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
                let taps = in_channels / groups as u64 * (kernel * kernel) as u64;
                let bias = u64::from(bias);
                (out_channels * (taps + bias), out * (taps + bias), 0, out)
            }
            LayerOp::Linear => (out_channels * (in_channels + 1), out_channels * (in_channels + 1), 0, out),
            LayerOp::BatchNorm => (2 * out_channels, 0, 2 * out, 0),
            LayerOp::MaxPool { .. } => (0, 0, 0, out),
            LayerOp::Activation | LayerOp::GlobalPool | LayerOp::Gate | LayerOp::Add => (0, 0, 0, 0),
        };
        let live_bytes = layer.live * size_of::<f32>() as u64;
        Self { layer, params, macs, macs_fvcore: macs + normalised, activations, live_bytes }
    }
}

impl ArchSpec {
    /// Counts the network at its resolution.
    ///
    /// # Errors
    /// [`ArchError::OutOfRange`] where the number of classes or of input channels is out of range.
    pub fn count(&self) -> Result<Counts, ArchError> {
        let layers: Vec<LayerCounts> =
            self.clone().checked()?.layers().into_iter().map(LayerCounts::of).collect();
        let sum = |value: fn(&LayerCounts) -> u64| layers.iter().map(value).sum();
        Ok(Counts {
            resolution: self.resolution(),
            params: sum(|l| l.params),
            macs: sum(|l| l.macs),
            macs_fvcore: sum(|l| l.macs_fvcore),
            activations: sum(|l| l.activations),
            peak_activation_bytes: layers.iter().map(|l| l.live_bytes).max().unwrap_or(0),
            stages: self.stage_counts(&layers),
            layers,
        })
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
