//! A network for inference on the CPU alone: no Burn underneath, but the plan of `efficientnet-kernels`.
//!
//! Normalisation is folded into the convolutions, weights are packed once, operations are fused. It takes and gives plain
//! arrays, is `Send + Sync`, and runs any batch of any size from any number of threads at once. The Burn network stays
//! the reference: `tests/parity.rs` holds both to the same fixtures.

use std::fmt;
use std::time::Duration;

use efficientnet_arch::{self as arch, ArchSpec, Block, ConvUnit};
use efficientnet_kernels::{
    Activation, Conv, Images, MaxPool, Options, Padding, Plan, PlanBuilder, PlanError, Residual,
    ResidualOrder, Roofline, SqueezeExcite, Value,
};
use efficientnet_weights::Weights;

use crate::ModelError;

mod bytes;

pub use bytes::{ActivationRanges, Calibration};

use self::bytes::Pointwise;

/// How a network is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompileOptions {
    /// Threads of a forward pass, the caller's included; 0 takes one for each processor.
    pub threads: usize,
}

/// A network that infers on the CPU, as fast as it can.
pub struct CompiledNetwork {
    spec: ArchSpec,
    plan: Plan,
    in_bytes: bool,
}

impl CompiledNetwork {
    /// Compiles the network that the weights are for.
    ///
    /// # Errors
    /// [`ModelError::Weights`] where a tensor is missing, mis-shaped or not finite; [`ModelError::Plan`] where
    /// `EFFICIENTNET_ISA` asks for instructions that this processor lacks.
    pub fn from_weights(weights: Weights, options: CompileOptions) -> Result<Self, ModelError> {
        Self::new(weights, options, Pointwise::Numbers)
    }

    /// As [`CompiledNetwork::from_weights`], with 1x1 convolutions in 8 bits: activations in 255 steps over the range that
    /// [`Calibration`] found, weights in steps of their own for each output channel. All else is f32, the classifier as well.
    ///
    /// # Errors
    /// As [`CompiledNetwork::from_weights`], and [`ModelError::Ranges`] where the ranges are another network's.
    pub fn in_bytes(
        weights: Weights,
        ranges: &ActivationRanges,
        options: CompileOptions,
    ) -> Result<Self, ModelError> {
        ranges.check(weights.spec())?;
        Self::new(weights, options, Pointwise::Bytes(ranges))
    }

    fn new(
        mut weights: Weights,
        options: CompileOptions,
        pointwise: Pointwise<'_>,
    ) -> Result<Self, ModelError> {
        let spec = weights.spec().clone();
        let in_bytes = matches!(pointwise, Pointwise::Bytes(_));
        let mut compiler = Compiler::new(&spec, &mut weights, options, pointwise)?;
        let logits = compiler.network()?;
        let plan = compiler.builder.build(&[logits])?;
        Ok(Self { spec, plan, in_bytes })
    }

    /// What the network is.
    pub fn spec(&self) -> &ArchSpec {
        &self.spec
    }

    /// Whether its 1x1 convolutions compute in 8 bits.
    pub fn computes_in_bytes(&self) -> bool {
        self.in_bytes
    }

    /// Logits `[batch, classes]` of normalised images `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// [`ModelError::Plan`] where `images` has another length than that, an image is too small for the network, or its
    /// maps do not fit into memory.
    pub fn forward(
        &self,
        images: &[f32],
        [batch, height, width]: [usize; 3],
    ) -> Result<Vec<f32>, ModelError> {
        let maps = self.plan.run(Images { data: images, batch, height, width })?;
        Ok(maps.into_iter().next().map_or_else(Vec::new, |map| map.data))
    }

    /// As [`CompiledNetwork::forward`]; in place of the logits says how long each of [`ArchSpec::steps`] took where it stands. What a
    /// pass takes beside them is in no step.
    ///
    /// # Errors
    /// As [`CompiledNetwork::forward`].
    pub fn step_times(
        &self,
        images: &[f32],
        [batch, height, width]: [usize; 3],
    ) -> Result<Vec<Duration>, ModelError> {
        Ok(self.plan.step_times(Images { data: images, batch, height, width })?)
    }

    /// Each step's shortest time of several passes over one image `[channels, height, width]`, on which all threads work,
    /// beside what the step takes at least on this machine. That is measured first, which takes two seconds.
    ///
    /// # Errors
    /// As [`CompiledNetwork::forward`].
    pub fn roofline(
        &self,
        image: &[f32],
        [height, width]: [usize; 2],
        repeats: usize,
    ) -> Result<Roofline, ModelError> {
        Ok(self.plan.roofline(Images { data: image, batch: 1, height, width }, repeats)?)
    }
}

impl fmt::Debug for CompiledNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (isa, threads) = (self.plan.isa(), self.plan.threads());
        let bytes = if self.in_bytes { ", 1x1 in 8 bits" } else { "" };
        write!(f, "CompiledNetwork({}, {isa}, {threads} threads{bytes})", self.spec.name)
    }
}

/// Tells a plan's builder a network, block by block.
struct Compiler<'a> {
    spec: &'a ArchSpec,
    weights: &'a mut Weights,
    builder: PlanBuilder,
    pointwise: Pointwise<'a>,
}

impl<'a> Compiler<'a> {
    fn new(
        spec: &'a ArchSpec,
        weights: &'a mut Weights,
        options: CompileOptions,
        pointwise: Pointwise<'a>,
    ) -> Result<Self, ModelError> {
        let options = Options { threads: options.threads, ..Options::default() };
        Ok(Self { spec, weights, builder: PlanBuilder::new(spec.in_channels, options)?, pointwise })
    }

    fn network(&mut self) -> Result<Value, ModelError> {
        let x = self.stem()?;
        let x = self.body(x)?;
        self.head(x)
    }

    /// From the images to the first block's input.
    fn stem(&mut self) -> Result<Value, ModelError> {
        let stem = &self.spec.stem;
        let images = self.builder.input();
        let x = self.unit("stem", images, &stem.conv, None)?;
        let Some((kernel, stride)) = stem.max_pool else { return Ok(x) };
        let padding = self.padding(kernel);
        Ok(self.builder.max_pool(x, &MaxPool { kernel: [kernel; 2], stride: [stride; 2], padding })?)
    }

    /// All blocks.
    fn body(&mut self, mut x: Value) -> Result<Value, ModelError> {
        for (s, stage) in self.spec.stages.iter().enumerate() {
            for (b, block) in stage.blocks.iter().enumerate() {
                x = self.block(&format!("stages.{s}.blocks.{b}"), x, block)?;
            }
        }
        Ok(x)
    }

    /// From the last block's map to the logits.
    fn head(&mut self, mut x: Value) -> Result<Value, ModelError> {
        let spec = self.spec;
        if let Some(head) = &spec.head {
            x = self.unit("head", x, head, None)?;
        }
        x = self.builder.global_average_pool(x)?;
        let (weight, bias) = (self.take("classifier.weight")?, self.take("classifier.bias")?);
        Ok(self.builder.linear(x, spec.num_classes, &weight, &bias)?)
    }

    fn block(&mut self, path: &str, x: Value, block: &Block) -> Result<Value, ModelError> {
        let shortcut = match &block.residual {
            arch::Residual::None => None,
            arch::Residual::Identity => Some(x),
            arch::Residual::Projection(unit) => {
                Some(self.unit(&format!("{path}.shortcut"), x, unit, None)?)
            }
        };
        let mut y = x;
        for (index, unit) in block.units.iter().enumerate() {
            let is_last = index + 1 == block.units.len();
            let residual = shortcut.filter(|_| is_last).map(|value| {
                let order = match block.act_after_add {
                    true => ResidualOrder::BeforeActivation,
                    false => ResidualOrder::AfterActivation,
                };
                Residual { value, order }
            });
            y = self.unit_of(
                &format!("{path}.{}", unit.role),
                y,
                unit,
                residual,
                block.act_after_add && is_last,
            )?;
            if let Some(se) = block.se.as_ref().filter(|se| se.after == index) {
                y = self.squeeze_excite(&format!("{path}.se"), y, se)?;
            }
        }
        Ok(y)
    }

    fn unit(
        &mut self,
        path: &str,
        x: Value,
        unit: &ConvUnit,
        residual: Option<Residual>,
    ) -> Result<Value, ModelError> {
        self.unit_of(path, x, unit, residual, false)
    }

    /// A convolution with its normalisation folded in. `act_at_end`: the activation follows although the unit itself has
    /// none, as at the end of ResNet's blocks.
    fn unit_of(
        &mut self,
        path: &str,
        x: Value,
        unit: &ConvUnit,
        residual: Option<Residual>,
        act_at_end: bool,
    ) -> Result<Value, ModelError> {
        let mut weight = self.take(&format!("{path}.conv.weight"))?;
        let bias = self.fold(path, &mut weight)?;
        if bytes::is_pointwise(unit) {
            self.pointwise.read(&mut self.builder, path, x)?;
        }
        let activation = if unit.act || act_at_end { self.activation() } else { Activation::None };
        let conv = Conv {
            out_channels: unit.out_channels,
            kernel: [unit.kernel; 2],
            stride: [unit.stride; 2],
            padding: self.padding(unit.kernel),
            groups: unit.groups,
            weight: &weight,
            bias: &bias,
            activation,
            residual,
        };
        Ok(self.builder.conv(x, &conv)?)
    }

    /// Scales each filter as the normalisation behind it does, and gives the bias that it adds.
    fn fold(&mut self, path: &str, weight: &mut [f32]) -> Result<Vec<f32>, ModelError> {
        let mut of = |field| self.weights.take(&format!("{path}.bn.{field}")).map(|tensor| tensor.values);
        let (gamma, beta) = (of("weight")?, of("bias")?);
        let (mean, variance) = (of("running_mean")?, of("running_var")?);
        let epsilon = self.spec.batch_norm.epsilon;
        let mut bias = Vec::with_capacity(gamma.len());
        let filters = weight.chunks_exact_mut((weight.len() / gamma.len()).max(1));
        for (channel, filter) in filters.enumerate() {
            let scale = f64::from(gamma[channel]) / (f64::from(variance[channel]) + epsilon).sqrt();
            filter.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
            bias.push((f64::from(beta[channel]) - f64::from(mean[channel]) * scale) as f32);
        }
        Ok(bias)
    }

    fn squeeze_excite(
        &mut self,
        path: &str,
        x: Value,
        se: &arch::SqueezeExcite,
    ) -> Result<Value, ModelError> {
        let mut of = |field: &str| self.weights.take(&format!("{path}.{field}")).map(|tensor| tensor.values);
        let (reduce_weight, reduce_bias) = (of("reduce.weight")?, of("reduce.bias")?);
        let (expand_weight, expand_bias) = (of("expand.weight")?, of("expand.bias")?);
        let op = SqueezeExcite {
            squeezed: se.squeezed,
            reduce_weight: &reduce_weight,
            reduce_bias: &reduce_bias,
            activation: self.activation(),
            expand_weight: &expand_weight,
            expand_bias: &expand_bias,
            gate: Activation::Sigmoid,
        };
        Ok(self.builder.squeeze_excite(x, &op)?)
    }

    fn take(&mut self, name: &str) -> Result<Vec<f32>, ModelError> {
        Ok(self.weights.take(name)?.values)
    }

    fn activation(&self) -> Activation {
        match self.spec.activation {
            arch::Activation::Silu => Activation::Silu,
            arch::Activation::Relu => Activation::Relu,
            arch::Activation::Relu6 => Activation::Relu6,
        }
    }

    fn padding(&self, kernel: usize) -> Padding {
        match self.spec.padding {
            arch::Padding::Same => Padding::Same,
            arch::Padding::Symmetric => Padding::all(kernel / 2),
        }
    }
}

impl From<PlanError> for ModelError {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

#[cfg(test)]
mod tests;
