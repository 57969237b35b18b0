//! A spec as the list of what is executed, in order, with shapes: the one walk that counting and naming share.

use std::fmt;

use serde::Serialize;

use crate::{Activation, ArchSpec, Block, ConvUnit, Padding, Residual, SqueezeExcite};

/// `[channels, height, width]` of one sample.
pub type Shape = [usize; 3];

/// What a layer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "op")]
pub enum LayerOp {
    /// Convolution; weight `[out, in / groups, kernel, kernel]`.
    Conv {
        /// Side of the kernel.
        kernel: usize,
        /// Stride in both directions.
        stride: usize,
        /// Groups.
        groups: usize,
        /// Whether a bias is added (only in squeeze-and-excitation).
        bias: bool,
    },
    /// Batch normalisation.
    BatchNorm,
    /// A non-linearity; in squeeze-and-excitation also the sigmoid.
    Activation,
    /// Max pooling.
    MaxPool {
        /// Side of the window.
        kernel: usize,
        /// Stride in both directions.
        stride: usize,
    },
    /// Mean over height and width.
    GlobalPool,
    /// Multiplication by one factor a channel.
    Gate,
    /// Addition of the residual.
    Add,
    /// Fully connected with bias; weight `[out, in]`.
    Linear,
}

/// One step of the forward pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Path, such as `stages.1.blocks.0.expand.conv`. The tensors' names begin with it.
    pub name: String,
    /// Index of the stage, or none for stem and head.
    pub stage: Option<usize>,
    /// What it does.
    #[serde(flatten)]
    pub op: LayerOp,
    /// Shape in.
    pub input: Shape,
    /// Shape out.
    pub output: Shape,
    /// Elements a sample that must be in memory at this step: input, output (for an in-place operation one of them) and
    /// what a later step still needs.
    pub live: u64,
}

/// Stops at `u64::MAX`, which [`crate::ArchSpec::count`] refuses.
pub(crate) fn elements([c, h, w]: Shape) -> u64 {
    (c as u64).saturating_mul(h as u64).saturating_mul(w as u64)
}

/// Output size of a window of `kernel` at `stride` over `size` pixels.
pub(crate) fn output_size(size: usize, kernel: usize, stride: usize, padding: Padding) -> usize {
    match padding {
        Padding::Same => size.div_ceil(stride),
        Padding::Symmetric => (size + 2 * (kernel / 2) - kernel) / stride + 1,
    }
}

impl ArchSpec {
    /// What is executed for one image of [`ArchSpec::resolution`], in order.
    pub fn layers(&self) -> Vec<Layer> {
        self.walk(true)
    }

    /// The same without names, which take most of the time: for totals of many networks.
    pub(crate) fn unnamed_layers(&self) -> Vec<Layer> {
        self.walk(false)
    }

    fn walk(&self, named: bool) -> Vec<Layer> {
        let side = self.resolution();
        let mut walk = Walk {
            named,
            padding: self.padding,
            activation: self.activation,
            layers: Vec::new(),
            shape: [self.in_channels, side, side],
            held: 0,
            stage: None,
        };
        walk.unit("stem", &self.stem.conv);
        if let Some((kernel, stride)) = self.stem.max_pool {
            walk.max_pool("stem.max_pool", kernel, stride);
        }
        for (s, stage) in self.stages.iter().enumerate() {
            walk.stage = Some(s);
            for (b, block) in stage.blocks.iter().enumerate() {
                let path = walk.name(format_args!("stages.{s}.blocks.{b}"));
                walk.block(&path, block);
            }
        }
        walk.stage = None;
        if let Some(head) = &self.head {
            walk.unit("head", head);
        }
        walk.push(format_args!("pool"), LayerOp::GlobalPool, [walk.shape[0], 1, 1]);
        walk.push(format_args!("classifier"), LayerOp::Linear, [self.num_classes, 1, 1]);
        walk.layers
    }
}

struct Walk {
    named: bool,
    padding: Padding,
    activation: Activation,
    layers: Vec<Layer>,
    /// Shape of the tensor that the next layer reads.
    shape: Shape,
    /// Elements kept for later beside that tensor.
    held: u64,
    stage: Option<usize>,
}

impl Walk {
    fn name(&self, name: fmt::Arguments<'_>) -> String {
        if self.named { name.to_string() } else { String::new() }
    }

    fn push(&mut self, name: fmt::Arguments<'_>, op: LayerOp, output: Shape) {
        let in_place = matches!(op, LayerOp::BatchNorm | LayerOp::Activation | LayerOp::Gate | LayerOp::Add);
        let own = if in_place { 0 } else { elements(self.shape) };
        let live = own.saturating_add(elements(output)).saturating_add(self.held);
        let name = self.name(name);
        self.layers.push(Layer { name, stage: self.stage, op, input: self.shape, output, live });
        self.shape = output;
    }

    fn window(&self, channels: usize, kernel: usize, stride: usize) -> Shape {
        let [_, h, w] = self.shape;
        let size = |n| output_size(n, kernel, stride, self.padding);
        [channels, size(h), size(w)]
    }

    fn max_pool(&mut self, name: &str, kernel: usize, stride: usize) {
        let output = self.window(self.shape[0], kernel, stride);
        self.push(format_args!("{name}"), LayerOp::MaxPool { kernel, stride }, output);
    }

    fn unit(&mut self, path: &str, unit: &ConvUnit) {
        let ConvUnit { kernel, stride, groups, .. } = *unit;
        let output = self.window(unit.out_channels, kernel, stride);
        self.push(format_args!("{path}.conv"), LayerOp::Conv { kernel, stride, groups, bias: false }, output);
        self.push(format_args!("{path}.bn"), LayerOp::BatchNorm, output);
        if unit.act {
            self.push(format_args!("{path}.{}", self.activation.word()), LayerOp::Activation, output);
        }
    }

    fn block(&mut self, path: &str, block: &Block) {
        let input = self.shape;
        let kept = if block.residual == Residual::None { 0 } else { elements(input) };
        for (index, unit) in block.units.iter().enumerate() {
            // The first unit reads the very tensor that is kept.
            self.held = if index == 0 { 0 } else { kept };
            let unit_path = self.name(format_args!("{path}.{}", unit.role));
            self.unit(&unit_path, unit);
            self.held = kept;
            match &block.se {
                Some(se) if se.after == index => {
                    let se_path = self.name(format_args!("{path}.se"));
                    self.squeeze_excite(&se_path, se);
                }
                _ => {}
            }
        }
        if let Residual::Projection(shortcut) = &block.residual {
            let main = self.shape;
            self.held = elements(main);
            self.shape = input;
            let shortcut_path = self.name(format_args!("{path}.shortcut"));
            self.unit(&shortcut_path, shortcut);
            self.shape = main;
        }
        let output = self.shape;
        if block.residual != Residual::None {
            self.held = elements(output);
            self.push(format_args!("{path}.add"), LayerOp::Add, output);
        }
        self.held = 0;
        if block.act_after_add {
            self.push(format_args!("{path}.{}", self.activation.word()), LayerOp::Activation, output);
        }
    }

    fn squeeze_excite(&mut self, path: &str, se: &SqueezeExcite) {
        let gated = self.shape;
        let conv = LayerOp::Conv { kernel: 1, stride: 1, groups: 1, bias: true };
        let kept = self.held;
        self.push(format_args!("{path}.pool"), LayerOp::GlobalPool, [se.channels, 1, 1]);
        self.held = kept.saturating_add(elements(gated));
        self.push(format_args!("{path}.reduce"), conv, [se.squeezed, 1, 1]);
        self.push(
            format_args!("{path}.{}", self.activation.word()),
            LayerOp::Activation,
            [se.squeezed, 1, 1],
        );
        self.push(format_args!("{path}.expand"), conv, [se.channels, 1, 1]);
        self.push(format_args!("{path}.sigmoid"), LayerOp::Activation, [se.channels, 1, 1]);
        self.held = kept.saturating_add(se.channels as u64);
        self.shape = gated;
        self.push(format_args!("{path}.gate"), LayerOp::Gate, gated);
        self.held = kept;
    }
}

impl Activation {
    /// Name for people and for the paths of layers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Silu => "silu",
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
        }
    }
}
