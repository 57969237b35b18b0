//! The operations on `flex`: the kernels of [`efficientnet_kernels::training`] on the tensors' own memory.

use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata, ops::ConvOptions, tensor::FloatTensor};
use burn::tensor::TensorData;
use efficientnet_kernels::training::{self, Convolution, NormAct};

use crate::{Activation, TrainingOps, norm_sync, optimise, pool};

/// The numbers of a tensor, and the memory that holds them.
struct Values(FlexTensor);

impl Values {
    /// Copies only where the tensor is a view that is not contiguous.
    fn of(tensor: FlexTensor) -> Self {
        Self(contiguous(tensor))
    }
}

fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if is_plain(&tensor) { tensor } else { tensor.to_contiguous() }
}

impl std::ops::Deref for Values {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.0.storage()
    }
}

/// Whether the storage holds exactly the tensor's numbers in their order.
fn is_plain(tensor: &FlexTensor) -> bool {
    let layout = tensor.layout();
    layout.is_contiguous()
        && layout.start_offset() == 0
        && tensor.bytes().len() == layout.num_elements() * size_of::<f32>()
}

impl Drop for Values {
    fn drop(&mut self) {
        // An operation's operand, and often its last holder.
        let nothing = FlexTensor::from_data(TensorData::new(Vec::<f32>::new(), [0]));
        pool::give(std::mem::replace(&mut self.0, nothing));
    }
}

/// A new tensor of `shape` that `write` fills as a whole: what is in it before is left from elsewhere.
fn written<const D: usize>(shape: [usize; D], write: impl FnOnce(&mut [f32])) -> FlexTensor {
    let mut values = pool::take(shape.iter().product());
    write(&mut values);
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// The same tensor, changed by `change`: in place where nobody else holds it.
fn changed(tensor: FlexTensor, change: impl FnOnce(&mut [f32])) -> FlexTensor {
    let mut tensor = contiguous(tensor);
    change(tensor.storage_mut());
    tensor
}

fn convolution(x: [usize; 4], weight: [usize; 4], options: &ConvOptions<2>) -> Convolution {
    let [batch, in_channels, height, width] = x;
    let [out_channels, _, rows, columns] = weight;
    let [(top, bottom), (left, right)] = options.padding;
    Convolution {
        batch,
        in_channels,
        out_channels,
        groups: options.groups,
        height,
        width,
        kernel: [rows, columns],
        stride: options.stride,
        padding: [top, bottom, left, right],
    }
}

fn normalisation(x: [usize; 4], epsilon: f64, activation: Activation) -> NormAct {
    let [batch, channels, height, width] = x;
    NormAct { batch, channels, pixels: height * width, epsilon: epsilon as f32, activation }
}

impl TrainingOps for Flex {
    fn conv(x: FlexTensor, weight: FlexTensor, options: ConvOptions<2>) -> FlexTensor {
        let shape = convolution(x.shape().dims(), weight.shape().dims(), &options);
        let [height, width] = shape.output_size();
        let (x, weight) = (Values::of(x), Values::of(weight));
        written([shape.batch, shape.out_channels, height, width], |y| shape.forward(&x, &weight, y))
    }

    fn conv_input_gradient(
        dy: FlexTensor,
        weight: FlexTensor,
        x: [usize; 4],
        options: ConvOptions<2>,
    ) -> FlexTensor {
        let shape = convolution(x, weight.shape().dims(), &options);
        let (dy, weight) = (Values::of(dy), Values::of(weight));
        written(x, |dx| shape.input_gradient(&dy, &weight, dx))
    }

    fn conv_weight_gradient(
        x: FlexTensor,
        dy: FlexTensor,
        weight: [usize; 4],
        options: ConvOptions<2>,
    ) -> FlexTensor {
        let shape = convolution(x.shape().dims(), weight, &options);
        let (x, dy) = (Values::of(x), Values::of(dy));
        written(weight, |dw| shape.weight_gradient(&x, &dy, dw))
    }

    fn norm_act(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
        activation: Activation,
    ) -> (FlexTensor, FlexTensor, FlexTensor, FlexTensor) {
        let dims: [usize; 4] = x.shape().dims();
        let norm = normalisation(dims, epsilon, activation);
        let (x, gamma, beta) = (Values::of(x), Values::of(gamma), Values::of(beta));
        let (mut mean, mut variance) = (vec![0.0; norm.channels], vec![0.0; norm.channels]);
        let mut count = norm.count() as f32;
        let y = written(dims, |y| match norm_sync::get() {
            None => norm.forward(&x, &gamma, &beta, y, &mut mean, &mut variance),
            Some(all_reduce) => {
                norm.statistics(&x, &mut mean, &mut variance);
                count = reduce_statistics(&*all_reduce, count, &mut mean, &mut variance);
                norm.normalise(&x, &gamma, &beta, &mean, &variance, y);
            }
        });
        (y, vector(mean), vector(variance), vector(vec![count]))
    }

    fn norm_act_frozen(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        epsilon: f64,
        activation: Activation,
    ) -> FlexTensor {
        let dims: [usize; 4] = x.shape().dims();
        let norm = normalisation(dims, epsilon, activation);
        let [x, gamma, beta, mean, variance] = [x, gamma, beta, mean, variance].map(Values::of);
        written(dims, |y| norm.normalise(&x, &gamma, &beta, &mean, &variance, y))
    }

    fn norm_act_backward(
        x: FlexTensor,
        dy: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        count: FlexTensor,
        epsilon: f64,
        activation: Activation,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let parameters = [gamma, beta, mean, variance];
        norm_act_backward(x, dy, parameters, Some(count), epsilon, activation)
    }

    fn norm_act_frozen_backward(
        x: FlexTensor,
        dy: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        epsilon: f64,
        activation: Activation,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        norm_act_backward(x, dy, [gamma, beta, mean, variance], None, epsilon, activation)
    }

    fn silu(x: FlexTensor) -> FlexTensor {
        let shape = x.shape();
        let x = Values::of(x);
        let mut y = pool::take(x.len());
        training::silu_forward(&x, &mut y);
        FlexTensor::from_data(TensorData::new(y, shape))
    }

    fn silu_backward(x: FlexTensor, dy: FlexTensor) -> FlexTensor {
        let shape = x.shape();
        let (x, dy) = (Values::of(x), Values::of(dy));
        let mut dx = pool::take(x.len());
        training::silu_backward(&x, &dy, &mut dx);
        FlexTensor::from_data(TensorData::new(dx, shape))
    }

    fn scale_channels(x: FlexTensor, gate: FlexTensor) -> FlexTensor {
        let shape: [usize; 4] = x.shape().dims();
        let (x, gate) = (Values::of(x), Values::of(gate));
        written(shape, |y| training::scale_channels_forward(&x, &gate, y))
    }

    fn scale_channels_backward(x: FlexTensor, gate: FlexTensor, dy: FlexTensor) -> (FlexTensor, FlexTensor) {
        let shape: [usize; 4] = x.shape().dims();
        let gate_shape: [usize; 4] = gate.shape().dims();
        let [x, gate, dy] = [x, gate, dy].map(Values::of);
        let mut dgate = vec![0.0; gate.len()];
        let dx = written(shape, |dx| training::scale_channels_backward(&x, &gate, &dy, dx, &mut dgate));
        (dx, FlexTensor::from_data(TensorData::new(dgate, gate_shape)))
    }

    fn mean_pool(x: FlexTensor) -> FlexTensor {
        let [batch, channels, ..] = x.shape().dims::<4>();
        let x = Values::of(x);
        written([batch, channels, 1, 1], |y| training::mean_pool_forward(&x, y))
    }

    fn mean_pool_backward(dy: FlexTensor, height: usize, width: usize) -> FlexTensor {
        let [batch, channels, ..] = dy.shape().dims::<4>();
        let dy = Values::of(dy);
        written([batch, channels, height, width], |dx| training::mean_pool_backward(&dy, dx))
    }

    fn plane_products(x: FlexTensor, dy: FlexTensor) -> FlexTensor {
        let [batch, channels, ..] = x.shape().dims::<4>();
        let (x, dy) = (Values::of(x), Values::of(dy));
        written([batch, channels, 1, 1], |sums| training::plane_products(&x, &dy, sums))
    }

    fn scale_and_shift(x: FlexTensor, gate: FlexTensor, shift: FlexTensor) -> FlexTensor {
        let shape: [usize; 4] = x.shape().dims();
        let [x, gate, shift] = [x, gate, shift].map(Values::of);
        written(shape, |y| training::scale_and_shift_channels(&x, &gate, &shift, y))
    }

    fn rmsprop_tf(
        weight: FlexTensor,
        gradient: FlexTensor,
        mean_square: FlexTensor,
        momentum: FlexTensor,
        options: optimise::RmspropTf,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let gradient = Values::of(gradient);
        let [mut weight, mut mean_square, mut momentum] = [weight, mean_square, momentum].map(contiguous);
        let (w, s, m) = (weight.storage_mut(), mean_square.storage_mut(), momentum.storage_mut());
        options.step(w, &gradient, s, m);
        (weight, mean_square, momentum)
    }

    fn sgd(
        weight: FlexTensor,
        gradient: FlexTensor,
        buffer: FlexTensor,
        options: optimise::Sgd,
    ) -> (FlexTensor, FlexTensor) {
        let gradient = Values::of(gradient);
        let [mut weight, mut buffer] = [weight, buffer].map(contiguous);
        options.step(weight.storage_mut(), &gradient, buffer.storage_mut());
        (weight, buffer)
    }

    fn adamw(
        weight: FlexTensor,
        gradient: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        options: optimise::AdamW,
        t: u64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let gradient = Values::of(gradient);
        let [mut weight, mut first, mut second] = [weight, first, second].map(contiguous);
        options.step(weight.storage_mut(), &gradient, first.storage_mut(), second.storage_mut(), t);
        (weight, first, second)
    }

    fn lerp(average: FloatTensor<Self>, value: FloatTensor<Self>, amount: f32) -> FlexTensor {
        let value = Values::of(value);
        changed(average, |average| training::lerp(average, &value, amount))
    }
}

/// Mean and biased variance of this process become those of all; gives the number of values of all.
///
/// What travels are the sums of values and of squares, so that one exchange does. In f32 the variance then is off by about
/// `1e-7 mean^2`, which matters where a channel's mean is hundreds of standard deviations.
fn reduce_statistics(
    all_reduce: &(dyn Fn(&mut [f32]) + Send + Sync),
    count: f32,
    mean: &mut [f32],
    variance: &mut [f32],
) -> f32 {
    let channels = mean.len();
    let squares = mean.iter().zip(&*variance).map(|(mean, variance)| count * (variance + mean * mean));
    let mut message: Vec<f32> =
        std::iter::once(count).chain(mean.iter().map(|mean| count * mean)).chain(squares).collect();
    all_reduce(&mut message);
    let count = message[0];
    let (sums, squares) = message[1..].split_at(channels);
    for (channel, (sum, square)) in sums.iter().zip(squares).enumerate() {
        mean[channel] = sum / count;
        variance[channel] = (square / count - mean[channel] * mean[channel]).max(0.0);
    }
    count
}

/// Without a count the statistics are constants.
fn norm_act_backward(
    x: FlexTensor,
    dy: FlexTensor,
    parameters: [FlexTensor; 4],
    count: Option<FlexTensor>,
    epsilon: f64,
    activation: Activation,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let dims: [usize; 4] = x.shape().dims();
    let norm = normalisation(dims, epsilon, activation);
    let channels = norm.channels;
    let (x, dy) = (Values::of(x), Values::of(dy));
    let [gamma, beta, mean, variance] = parameters.map(Values::of);
    let mut sums = vec![0.0; 2 * channels];
    let (dgamma, dbeta) = sums.split_at_mut(channels);
    norm.reduce(&x, &dy, &gamma, &beta, &mean, &variance, dgamma, dbeta);
    let gradients = [dgamma, dbeta].map(|sums| vector(sums.to_vec()));
    let count = match count {
        None => {
            sums.fill(0.0);
            norm.count()
        }
        Some(count) => {
            if let Some(all_reduce) = norm_sync::get() {
                all_reduce(&mut sums);
            }
            Values::of(count)[0] as usize
        }
    };
    let (dgamma, dbeta) = sums.split_at(channels);
    let dx =
        written(dims, |dx| norm.apply(&x, &dy, &gamma, &beta, &mean, &variance, dgamma, dbeta, count, dx));
    let [dgamma, dbeta] = gradients;
    (dx, dgamma, dbeta)
}

fn vector(values: Vec<f32>) -> FlexTensor {
    let length = values.len();
    FlexTensor::from_data(TensorData::new(values, [length]))
}
