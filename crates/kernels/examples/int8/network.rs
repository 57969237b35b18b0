//! A network of inverted residuals as a plan of f32, and its 1x1 convolutions one by one.

use efficientnet_arch::{self as arch, ArchSpec, ConvUnit};
use efficientnet_kernels::{
    Activation, Conv, Isa, Options, Padding, Plan, PlanBuilder, PlanError, Residual, ResidualOrder, Value,
};

/// Numbers by rule (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Between `-spread` and `spread`.
    pub fn floats(&mut self, len: usize, spread: f32) -> Vec<f32> {
        (0..len).map(|_| ((self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0) * spread).collect()
    }
}

/// A 1x1 convolution and the side of the map that it is on.
pub struct Layer {
    pub name: String,
    pub k: usize,
    pub n: usize,
    pub side: usize,
    pub act: bool,
    /// Whether a depthwise convolution follows, so that a network never stores the map.
    pub fused: bool,
}

impl Layer {
    pub fn macs(&self) -> usize {
        self.k * self.n * self.side * self.side
    }

    /// Rows at a time: of a map that is never stored, as many as leave it in half of the second cache in f32.
    pub fn rows(&self) -> usize {
        let most = if self.fused { (64 << 10) / (self.n * self.side) } else { self.side };
        most.clamp(1, self.side)
    }

    /// The convolution alone, as the last step: the one before it brings an image of one channel into blocks.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        let mut builder = Builder::new(1, Padding::NONE)?;
        let unit = |in_channels, out_channels, act| ConvUnit {
            role: String::new(),
            in_channels,
            out_channels,
            kernel: 1,
            stride: 1,
            groups: 1,
            act,
        };
        let x = builder.conv(builder.plan.input(), &unit(1, self.k, false), None)?;
        let y = builder.conv(x, &unit(self.k, self.n, self.act), None)?;
        builder.plan.build(&[y])
    }
}

/// A network, its 1x1 convolutions and, for each depthwise one, how many numbers go in and come out.
pub struct Network {
    pub side: usize,
    pub layers: Vec<Layer>,
    pub depthwise: Vec<[usize; 2]>,
    pub plan: Plan,
}

impl Network {
    pub fn new(spec: &ArchSpec) -> Result<Self, PlanError> {
        let mut side = spec.resolution();
        let (mut layers, mut depthwise) = (Vec::new(), Vec::new());
        let mut note = |unit: &ConvUnit| {
            let (pixels, k, n) = (side * side, unit.in_channels, unit.out_channels);
            side = side.div_ceil(unit.stride);
            if unit.is_depthwise() {
                depthwise.push([pixels * k, side * side * n]);
            } else if unit.kernel == 1 {
                let name = format!("{} {k}-{n}, {side} px", unit.role);
                layers.push(Layer { name, k, n, side, act: unit.act, fused: unit.role == "expand" });
            }
        };
        let same = spec.padding == arch::Padding::Same;
        let mut builder = Builder::new(spec.in_channels, if same { Padding::Same } else { Padding::NONE })?;
        let mut x = builder.conv(builder.plan.input(), &spec.stem.conv, None)?;
        note(&spec.stem.conv);
        for block in spec.blocks() {
            let shortcut = (block.residual == arch::Residual::Identity).then_some(x);
            for (i, unit) in block.units.iter().enumerate() {
                let last = i + 1 == block.units.len();
                x = builder.conv(x, unit, shortcut.filter(|_| last))?;
                note(unit);
            }
        }
        if let Some(head) = &spec.head {
            x = builder.conv(x, head, None)?;
            note(head);
        }
        x = builder.plan.global_average_pool(x)?;
        let weight = builder.random.floats(spec.num_features() * spec.num_classes, 0.05);
        x = builder.plan.linear(x, spec.num_classes, &weight, &[])?;
        Ok(Self { side: spec.resolution(), layers, depthwise, plan: builder.plan.build(&[x])? })
    }
}

struct Builder {
    plan: PlanBuilder,
    /// `Same`, or as much as leaves the map as large.
    padding: Padding,
    random: Random,
}

impl Builder {
    fn new(channels: usize, padding: Padding) -> Result<Self, PlanError> {
        let options = Options { threads: 1, isa: Some(Isa::Avx2), ..Options::default() };
        Ok(Self { plan: PlanBuilder::new(channels, options)?, padding, random: Random(1) })
    }

    fn conv(&mut self, from: Value, unit: &ConvUnit, residual: Option<Value>) -> Result<Value, PlanError> {
        let fan_in = unit.in_channels / unit.groups * unit.kernel * unit.kernel;
        let weight = self.random.floats(unit.out_channels * fan_in, 1.7 / (fan_in as f32).sqrt());
        let bias = self.random.floats(unit.out_channels, 0.1);
        let conv = Conv {
            out_channels: unit.out_channels,
            kernel: [unit.kernel; 2],
            stride: [unit.stride; 2],
            padding: if self.padding == Padding::Same {
                Padding::Same
            } else {
                Padding::all(unit.kernel / 2)
            },
            groups: unit.groups,
            weight: &weight,
            bias: &bias,
            activation: if unit.act { Activation::Relu6 } else { Activation::None },
            residual: residual.map(|value| Residual { value, order: ResidualOrder::AfterActivation }),
        };
        self.plan.conv(from, &conv)
    }
}
