//! Plans with products of bytes on numbers that bytes hold exactly: whole inputs from -100 to 155, weights of up to 127 times a power of
//! two. Whatever is rounded, loses nothing; what differs is a mistake.

use efficientnet_kernels::{
    Activation, Conv, Images, MaxPool, Options, Padding, PlanBuilder, Residual, ResidualOrder, Value,
};

use super::{Random, Tensor, compare};

/// What all numbers that are read as bytes lie in.
const RANGE: [f32; 2] = [-100.0, 155.0];

/// A plan and its reference.
pub struct Exact {
    pub builder: PlanBuilder,
    image: Tensor,
    random: Random,
}

/// A value and what it should be.
pub type Both = (Value, Tensor);

impl Exact {
    pub fn new(options: Options, shape: [usize; 4]) -> (Self, Both) {
        let mut random = Random(11);
        let data = (0..shape.iter().product()).map(|_| random.below(256) as f64 - 100.0).collect();
        let image = Tensor { shape, data };
        let exact = Self { builder: PlanBuilder::new(shape[1], options).unwrap(), image, random };
        let input = (exact.builder.input(), exact.image.clone());
        (exact, input)
    }

    fn conv(&mut self, (value, tensor): &Both, conv: &Conv<'_>, residual: Option<&Both>) -> Both {
        let order = ResidualOrder::AfterActivation;
        let op = Conv { residual: residual.map(|(value, _)| Residual { value: *value, order }), ..*conv };
        let expected = super::conv(tensor, &op, residual.map(|(_, tensor)| (tensor, order)));
        (self.builder.conv(*value, &op).unwrap(), expected)
    }

    /// Each output channel is one of the inputs.
    pub fn select(&mut self, from: &Both, out: usize) -> Both {
        let channels = from.1.shape[1];
        let mut weight = vec![0.0; out * channels];
        for (i, filter) in weight.chunks_exact_mut(channels).enumerate() {
            filter[i % channels] = 1.0;
        }
        self.conv(from, &pointwise(out, &weight, &[]), None)
    }

    /// A 1x1 convolution with weights that bytes hold.
    pub fn product(
        &mut self,
        from: &Both,
        out: usize,
        stride: usize,
        activation: Activation,
        residual: Option<&Both>,
    ) -> Both {
        let channels = from.1.shape[1];
        let mut weight = Vec::new();
        for _ in 0..out {
            let step = 0.5_f32.powi(10 + self.random.below(3) as i32);
            let mut filter: Vec<i32> = (0..channels).map(|_| self.random.below(255) as i32 - 127).collect();
            // The largest there may be, so that steps are what they are meant to be.
            let most = self.random.below(channels);
            filter[most] = if self.random.below(2) == 0 { 127 } else { -127 };
            filter[most ^ 1..].first_mut().filter(|_| most ^ 1 < channels).into_iter().for_each(|x| *x %= 2);
            for pair in filter.chunks_exact_mut(2).enumerate().filter(|(i, _)| *i != most / 2).map(|(_, x)| x)
            {
                pair[1] = pair[1].clamp(-128 - pair[0].min(0), 128 - pair[0].max(0));
            }
            weight.extend(filter.into_iter().map(|x| x as f32 * step));
        }
        let bias = self.random.floats(out, 2.0);
        let conv = Conv {
            stride: [stride; 2],
            activation,
            padding: Padding::Same,
            ..pointwise(out, &weight, &bias)
        };
        self.conv(from, &conv, residual)
    }

    /// A depthwise convolution that moves and thins out.
    pub fn depthwise(&mut self, from: &Both, kernel: usize, stride: usize) -> Both {
        let channels = from.1.shape[1];
        let mut weight = vec![0.0; channels * kernel * kernel];
        for filter in weight.chunks_exact_mut(kernel * kernel) {
            filter[self.random.below(kernel * kernel)] = 1.0;
        }
        let conv = Conv {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: Padding::Same,
            groups: channels,
            ..pointwise(channels, &weight, &[])
        };
        self.conv(from, &conv, None)
    }

    pub fn max_pool(&mut self, (value, tensor): &Both, pool: &MaxPool) -> Both {
        (self.builder.max_pool(*value, pool).unwrap(), super::max_pool(tensor, pool))
    }

    pub fn in_bytes(&mut self, (value, tensor): &Both) {
        let [least, most] = RANGE.map(f64::from);
        assert!(tensor.data.iter().all(|x| x.fract() == 0.0 && (least..=most).contains(x)));
        self.builder.in_bytes(*value, RANGE).unwrap();
    }

    #[track_caller]
    pub fn check(self, outputs: &[Both], what: &str) {
        let values: Vec<Value> = outputs.iter().map(|(value, _)| *value).collect();
        let plan = self.builder.build(&values).unwrap();
        let [batch, _, height, width] = self.image.shape;
        let data: Vec<f32> = self.image.data.iter().map(|&x| x as f32).collect();
        let found = plan.run(Images { data: &data, batch, height, width }).unwrap();
        for (found, (_, expected)) in found.iter().zip(outputs) {
            compare(found, expected, &format!("{what} ({})", plan.isa()));
        }
    }
}

fn pointwise<'a>(out_channels: usize, weight: &'a [f32], bias: &'a [f32]) -> Conv<'a> {
    Conv {
        out_channels,
        kernel: [1, 1],
        stride: [1, 1],
        padding: Padding::NONE,
        groups: 1,
        weight,
        bias,
        activation: Activation::None,
        residual: None,
    }
}
