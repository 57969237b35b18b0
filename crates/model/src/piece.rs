//! A piece of a network, alone, to be timed: compiled for the CPU, or as Burn's modules on a device.
//!
//! Both stand in the smallest network around them ([`Piece::spec`]), whose weights come like any network's; what stands
//! before the piece there is left out of the time (compiled) or not run at all (Burn).

use std::time::Duration;

use burn::tensor::Tensor;
use efficientnet_arch::{Piece, PieceKind};
use efficientnet_kernels::{Images, Options, Plan, PlanBuilder};
use efficientnet_weights::Weights;

use crate::compile::{CompileOptions, Compiler};
use crate::{ModelError, Network};

/// A piece that is compiled for the CPU.
pub struct CompiledPiece {
    plan: Plan,
    channels: usize,
    side: usize,
    /// Steps before the piece.
    before: usize,
}

impl CompiledPiece {
    /// Compiles a piece; the weights are those of [`Piece::spec`].
    ///
    /// # Errors
    /// Those of [`CompiledNetwork::from_weights`](crate::CompiledNetwork::from_weights).
    pub fn new(piece: &Piece, mut weights: Weights, options: CompileOptions) -> Result<Self, ModelError> {
        let spec = piece.spec();
        let options = Options { threads: options.threads, ..Options::default() };
        let builder = PlanBuilder::new(spec.in_channels, options)?;
        let mut compiler = Compiler { spec, weights: &mut weights, builder };
        let (channels, side) = (spec.in_channels, spec.resolution());
        let entry = compiler.stem()?;
        let exit = match piece.kind() {
            PieceKind::Stem | PieceKind::Block => compiler.body(entry)?,
            PieceKind::Head => compiler.head(entry)?,
        };
        // A map that somebody wants is a step of its own, as it is in the network: the output of the block before. A stem
        // is fused with what follows.
        let (before, outputs) = match piece.kind() {
            PieceKind::Stem => (0, vec![exit]),
            PieceKind::Block | PieceKind::Head => (1, vec![entry, exit]),
        };
        Ok(Self { plan: compiler.builder.build(&outputs)?, channels, side, before })
    }

    /// Numbers of the input of [`CompiledPiece::time`] for so many images.
    pub fn input_len(&self, batch: usize) -> usize {
        batch * self.channels * self.side * self.side
    }

    /// How long the piece took in one pass of `batch` images.
    ///
    /// # Errors
    /// [`ModelError::Plan`] where `images` is not of [`CompiledPiece::input_len`] numbers, or the maps do not fit into memory.
    pub fn time(&self, images: &[f32], batch: usize) -> Result<Duration, ModelError> {
        let images = Images { data: images, batch, height: self.side, width: self.side };
        Ok(self.plan.step_times(images)?.iter().skip(self.before).sum())
    }
}

impl Network {
    /// What a piece makes of its input; the network must be that of [`Piece::spec`].
    ///
    /// # Shapes
    /// - input: `[batch, channels, side, side]`, see [`Piece::input`]
    /// - output: the last block's map, or the logits as `[batch, classes, 1, 1]`
    pub fn forward_piece(&self, kind: PieceKind, x: Tensor<4>) -> Tensor<4> {
        match kind {
            PieceKind::Stem => self.forward_body(self.forward_stem(x)),
            PieceKind::Block => self.forward_body(x),
            PieceKind::Head => self.classify(self.forward_head(x)).unsqueeze_dims(&[2, 3]),
        }
    }
}
