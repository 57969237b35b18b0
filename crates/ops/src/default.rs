//! The operations of [`TrainingOps`](crate::TrainingOps) from those of any Burn backend.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, TensorMetadata, get_or_init_device_settings, ops::ConvOptions};
use burn::tensor::{Shape, TensorData, try_read_sync};

use crate::{Activation, TrainingOps, norm_sync, optimise};

type Four<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);
type Three<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

pub(crate) fn conv_input_gradient<B: Backend>(
    dy: FloatTensor<B>,
    weight: FloatTensor<B>,
    shape: [usize; 4],
    options: ConvOptions<2>,
) -> FloatTensor<B> {
    // Burn's function asks for the input and takes nothing but its shape from it.
    let x = B::float_empty(Shape::from(shape), &dy.device(), dy.dtype().into());
    B::conv2d_x_backward(x, weight, dy, options)
}

pub(crate) fn conv_weight_gradient<B: Backend>(
    x: FloatTensor<B>,
    dy: FloatTensor<B>,
    shape: [usize; 4],
    options: ConvOptions<2>,
) -> FloatTensor<B> {
    let weight = B::float_empty(Shape::from(shape), &dy.device(), dy.dtype().into());
    B::conv2d_weight_backward(x, weight, dy, options)
}

pub(crate) fn activate<B: Backend>(activation: Activation, x: FloatTensor<B>) -> FloatTensor<B> {
    match activation {
        Activation::None => x,
        Activation::Relu => B::relu(x),
        Activation::Relu6 => B::float_clamp(x, Scalar::from(0.0), Scalar::from(6.0)),
        Activation::Silu => B::float_mul(x.clone(), B::sigmoid(x)),
        Activation::Sigmoid => B::sigmoid(x),
    }
}

/// `dy` times the derivative at `z`.
pub(crate) fn activation_gradient<B: Backend>(
    activation: Activation,
    z: FloatTensor<B>,
    dy: FloatTensor<B>,
) -> FloatTensor<B> {
    let one_minus = |x| B::float_add_scalar(B::float_neg(x), Scalar::from(1.0));
    let bool_type = get_or_init_device_settings::<B>(&z.device()).bool_dtype;
    match activation {
        Activation::None => dy,
        Activation::Relu => {
            let off = B::float_lower_equal_elem(z, Scalar::from(0.0), bool_type);
            B::float_mask_fill(dy, off, Scalar::from(0.0))
        }
        Activation::Relu6 => {
            let below = B::float_lower_equal_elem(z.clone(), Scalar::from(0.0), bool_type);
            let above = B::float_greater_equal_elem(z, Scalar::from(6.0), bool_type);
            let dy = B::float_mask_fill(dy, below, Scalar::from(0.0));
            B::float_mask_fill(dy, above, Scalar::from(0.0))
        }
        Activation::Silu => {
            let sigmoid = B::sigmoid(z.clone());
            let inner = B::float_mul(z, one_minus(sigmoid.clone()));
            let slope = B::float_mul(sigmoid, B::float_add_scalar(inner, Scalar::from(1.0)));
            B::float_mul(dy, slope)
        }
        Activation::Sigmoid => {
            let sigmoid = B::sigmoid(z);
            B::float_mul(dy, B::float_mul(sigmoid.clone(), one_minus(sigmoid)))
        }
    }
}

/// `[channels]` as `[1, channels, 1, 1]`.
fn per_channel<B: Backend>(values: FloatTensor<B>) -> FloatTensor<B> {
    let channels = values.shape()[0];
    B::float_reshape(values, Shape::new([1, channels, 1, 1]))
}

/// Sums over all but the channels, `[channels]`.
fn channel_sums<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let channels = x.shape()[1];
    B::float_reshape(B::float_sum_dims(x, &[0, 2, 3]), Shape::new([channels]))
}

fn vector<B: Backend>(like: &FloatTensor<B>, values: Vec<f32>) -> FloatTensor<B> {
    let length = values.len();
    let data = TensorData::new(values, [length]).convert_dtype(like.dtype());
    B::float_from_data(data, &like.device())
}

pub(crate) fn norm_act<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    epsilon: f64,
    activation: Activation,
) -> Four<B> {
    let [batch, channels, height, width] = x.shape().dims();
    let count = vector::<B>(&x, vec![(batch * height * width) as f32]);
    if !norm_sync::is_set() {
        let norm = B::batch_norm_train(x, gamma, beta, epsilon);
        return (activate::<B>(activation, norm.output), norm.mean, norm.variance, count);
    }
    let sums = channel_sums::<B>(x.clone());
    let squares = channel_sums::<B>(B::float_mul(x.clone(), x.clone()));
    let (count, sums, squares) = reduced_statistics::<B>(count, sums, squares, channels);
    let mean = B::float_div(sums, count.clone());
    let variance =
        B::float_sub(B::float_div(squares, count.clone()), B::float_mul(mean.clone(), mean.clone()));
    let variance = B::float_clamp_min(variance, Scalar::from(0.0));
    let y = norm_act_frozen::<B>(x, gamma, beta, mean.clone(), variance.clone(), epsilon, activation);
    (y, mean, variance, count)
}

/// The three over all processes.
fn reduced_statistics<B: Backend>(
    count: FloatTensor<B>,
    sums: FloatTensor<B>,
    squares: FloatTensor<B>,
    channels: usize,
) -> Three<B> {
    let all = sum_over_processes::<B>(B::float_cat(vec![count, sums, squares], 0));
    let part = |from: usize, to: usize| B::float_slice(all.clone(), &[(from..to).into()]);
    (part(0, 1), part(1, channels + 1), part(channels + 1, 2 * channels + 1))
}

pub(crate) fn norm_act_frozen<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    mean: FloatTensor<B>,
    variance: FloatTensor<B>,
    epsilon: f64,
    activation: Activation,
) -> FloatTensor<B> {
    activate::<B>(activation, B::batch_norm(x, gamma, beta, mean, variance, epsilon))
}

/// With `z = gamma n + beta`, `n = (x - mean) / s` and `dz = dy act'(z)`: `dgamma = sum(dz n)`, `dbeta = sum(dz)`,
/// `dx = gamma / s (dz - (dbeta + n dgamma) / count)` (Ioffe and Szegedy, 2015, section 3).
pub(crate) fn norm_act_backward<B: Backend>(
    x: FloatTensor<B>,
    dy: FloatTensor<B>,
    [gamma, beta, mean, variance]: [FloatTensor<B>; 4],
    count: Option<FloatTensor<B>>,
    epsilon: f64,
    activation: Activation,
) -> Three<B> {
    let channels = gamma.shape()[0];
    let inverse =
        B::float_recip(B::float_sqrt(B::float_add_scalar(per_channel::<B>(variance), Scalar::from(epsilon))));
    let normal = B::float_mul(B::float_sub(x, per_channel::<B>(mean)), inverse.clone());
    let gamma = per_channel::<B>(gamma);
    let dz = match activation {
        Activation::None => dy,
        _ => {
            let z = B::float_add(B::float_mul(normal.clone(), gamma.clone()), per_channel::<B>(beta));
            activation_gradient::<B>(activation, z, dy)
        }
    };
    let dgamma = channel_sums::<B>(B::float_mul(dz.clone(), normal.clone()));
    let dbeta = channel_sums::<B>(dz.clone());
    let scale = B::float_mul(gamma, inverse);
    let Some(count) = count else {
        return (B::float_mul(dz, scale), dgamma, dbeta);
    };
    let (all_dgamma, all_dbeta) = match norm_sync::is_set() {
        false => (dgamma.clone(), dbeta.clone()),
        true => {
            let all = sum_over_processes::<B>(B::float_cat(vec![dgamma.clone(), dbeta.clone()], 0));
            let part = |from: usize, to: usize| B::float_slice(all.clone(), &[(from..to).into()]);
            (part(0, channels), part(channels, 2 * channels))
        }
    };
    let mean_dgamma = per_channel::<B>(B::float_div(all_dgamma, count.clone()));
    let mean_dbeta = per_channel::<B>(B::float_div(all_dbeta, count));
    let shared = B::float_add(B::float_mul(normal, mean_dgamma), mean_dbeta);
    (B::float_mul(B::float_sub(dz, shared), scale), dgamma, dbeta)
}

pub(crate) fn scale_channels_backward<B: Backend>(
    x: FloatTensor<B>,
    gate: FloatTensor<B>,
    dy: FloatTensor<B>,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let dgate = B::float_sum_dims(B::float_mul(x, dy.clone()), &[2, 3]);
    (B::float_mul(dy, gate), dgate)
}

pub(crate) fn mean_pool<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let [batch, channels, height, width] = x.shape().dims();
    let rows = B::float_reshape(x, Shape::new([batch, channels, height * width]));
    B::float_reshape(B::float_mean_dim(rows, 2), Shape::new([batch, channels, 1, 1]))
}

pub(crate) fn mean_pool_backward<B: Backend>(
    dy: FloatTensor<B>,
    height: usize,
    width: usize,
) -> FloatTensor<B> {
    let [batch, channels, ..] = dy.shape().dims::<4>();
    let each = B::float_div_scalar(dy, Scalar::from((height * width) as f64));
    B::float_expand(each, Shape::new([batch, channels, height, width]))
}

/// A 1x1 convolution's weight as a matrix `[out, in]`.
fn matrix<B: Backend>(weight: FloatTensor<B>) -> FloatTensor<B> {
    let [out, input, ..] = weight.shape().dims::<4>();
    B::float_reshape(weight, Shape::new([out, input]))
}

fn transposed<B: Backend>(matrix: FloatTensor<B>) -> FloatTensor<B> {
    B::float_swap_dims(matrix, 0, 1)
}

pub(crate) fn squeeze_excite<B: TrainingOps>(
    x: FloatTensor<B>,
    [reduce, reduce_bias, expand, expand_bias]: [FloatTensor<B>; 4],
    activation: Activation,
) -> Four<B> {
    let [batch, channels, ..] = x.shape().dims::<4>();
    let mean = B::float_reshape(B::mean_pool(x.clone()), Shape::new([batch, channels]));
    let linear = |x, weight, bias: FloatTensor<B>| {
        let out = bias.shape()[0];
        let bias = B::float_reshape(bias, Shape::new([1, out]));
        B::float_add(B::float_matmul(x, transposed::<B>(matrix::<B>(weight))), bias)
    };
    let squeezed = linear(mean.clone(), reduce, reduce_bias);
    let gate = B::sigmoid(linear(activate::<B>(activation, squeezed.clone()), expand, expand_bias));
    let gate = B::float_reshape(gate, Shape::new([batch, channels, 1, 1]));
    (B::scale_channels(x, gate.clone()), mean, squeezed, gate)
}

/// Gradients of squeeze-and-excitation: of the map, of both weights and of both biases, in the order of the arguments.
type SqueezeExciteGradients<B> =
    (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

/// With `m` the means, `s = act(m reduce')`, `g = sigmoid(s expand')`, `y = x g`: the gradient for `g` is the sum of `x dy`
/// over a plane, and `x` gets `dy g` and, in each pixel alike, what comes back through its mean.
pub(crate) fn squeeze_excite_backward<B: TrainingOps>(
    x: FloatTensor<B>,
    dy: FloatTensor<B>,
    [mean, squeezed, gate]: [FloatTensor<B>; 3],
    [reduce, expand]: [FloatTensor<B>; 2],
    activation: Activation,
) -> SqueezeExciteGradients<B> {
    let [batch, channels, height, width] = x.shape().dims();
    let (reduce_shape, expand_shape) = (reduce.shape(), expand.shape());
    let row_sums = |gradient: FloatTensor<B>| {
        let columns = gradient.shape()[1];
        B::float_reshape(B::float_sum_dim(gradient, 0), Shape::new([columns]))
    };
    let rows = Shape::new([batch, channels]);
    let dgate = B::float_reshape(B::plane_products(x, dy.clone()), rows.clone());
    let dexcited = B::sigmoid_backward(B::float_reshape(gate.clone(), rows), dgate);
    let active = activate::<B>(activation, squeezed.clone());
    let dexpand = B::float_matmul(transposed::<B>(dexcited.clone()), active);
    let dactive = B::float_matmul(dexcited.clone(), matrix::<B>(expand));
    let dsqueezed = activation_gradient::<B>(activation, squeezed, dactive);
    let dreduce = B::float_matmul(transposed::<B>(dsqueezed.clone()), mean);
    let dmean = B::float_matmul(dsqueezed.clone(), matrix::<B>(reduce));
    let shift = B::float_div_scalar(dmean, Scalar::from((height * width) as f64));
    let shift = B::float_reshape(shift, Shape::new([batch, channels, 1, 1]));
    (
        B::scale_and_shift(dy, gate, shift),
        B::float_reshape(dreduce, reduce_shape),
        row_sums(dsqueezed),
        B::float_reshape(dexpand, expand_shape),
        row_sums(dexcited),
    )
}

/// # Panics
/// Where the device cannot be read from: a process that goes on alone would wait for the others for ever.
pub(crate) fn sum_over_processes<B: Backend>(values: FloatTensor<B>) -> FloatTensor<B> {
    let Some(all_reduce) = norm_sync::get() else { return values };
    let device = values.device();
    let (shape, dtype) = (values.shape(), values.dtype());
    let read = try_read_sync(B::float_into_data(values)).and_then(Result::ok);
    let numbers = read.and_then(|data| data.convert::<f32>().try_to_vec::<f32>().ok());
    let Some(mut numbers) = numbers else {
        panic!("the statistics of a normalisation could not be read from their device");
    };
    all_reduce(&mut numbers);
    B::float_from_data(TensorData::new(numbers, shape).convert_dtype(dtype), &device)
}

pub(crate) fn rmsprop_tf<B: Backend>(
    weight: FloatTensor<B>,
    gradient: FloatTensor<B>,
    mean_square: FloatTensor<B>,
    momentum: FloatTensor<B>,
    options: optimise::RmspropTf,
) -> Three<B> {
    let gradient = decayed::<B>(gradient, &weight, options.weight_decay);
    let square = B::float_mul(gradient.clone(), gradient.clone());
    let mean_square = lerp::<B>(mean_square, square, 1.0 - options.decay);
    let root = B::float_sqrt(B::float_add_scalar(mean_square.clone(), Scalar::from(options.epsilon)));
    let step = B::float_mul_scalar(B::float_div(gradient, root), Scalar::from(options.learning_rate));
    let momentum = B::float_add(B::float_mul_scalar(momentum, Scalar::from(options.momentum)), step);
    (B::float_sub(weight, momentum.clone()), mean_square, momentum)
}

pub(crate) fn sgd<B: Backend>(
    weight: FloatTensor<B>,
    gradient: FloatTensor<B>,
    buffer: FloatTensor<B>,
    options: optimise::Sgd,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let gradient = decayed::<B>(gradient, &weight, options.weight_decay);
    let scaled = B::float_mul_scalar(buffer, Scalar::from(options.momentum));
    let buffer = B::float_add(scaled, gradient.clone());
    let step = match options.nesterov {
        false => buffer.clone(),
        true => {
            let ahead = B::float_mul_scalar(buffer.clone(), Scalar::from(options.momentum));
            B::float_add(gradient, ahead)
        }
    };
    let step = B::float_mul_scalar(step, Scalar::from(options.learning_rate));
    (B::float_sub(weight, step), buffer)
}

pub(crate) fn adamw<B: Backend>(
    weight: FloatTensor<B>,
    gradient: FloatTensor<B>,
    first: FloatTensor<B>,
    second: FloatTensor<B>,
    options: optimise::AdamW,
    t: u64,
) -> Three<B> {
    let [b1, b2] = options.betas;
    let correction = |beta: f32| 1.0 - f64::from(beta).powf(t as f64);
    let kept = Scalar::from(1.0 - options.learning_rate * options.weight_decay);
    let weight = B::float_mul_scalar(weight, kept);
    let square = B::float_mul(gradient.clone(), gradient.clone());
    let first = lerp::<B>(first, gradient, 1.0 - b1);
    let second = lerp::<B>(second, square, 1.0 - b2);
    let root = B::float_mul_scalar(B::float_sqrt(second.clone()), Scalar::from(1.0 / correction(b2).sqrt()));
    let ratio = B::float_div(first.clone(), B::float_add_scalar(root, Scalar::from(options.epsilon)));
    let rate = f64::from(options.learning_rate) / correction(b1);
    (B::float_sub(weight, B::float_mul_scalar(ratio, Scalar::from(rate))), first, second)
}

pub(crate) fn lerp<B: Backend>(
    average: FloatTensor<B>,
    value: FloatTensor<B>,
    amount: f32,
) -> FloatTensor<B> {
    let difference = B::float_sub(value, average.clone());
    B::float_add(average, B::float_mul_scalar(difference, Scalar::from(amount)))
}

/// The gradient with weight decay added to it.
fn decayed<B: Backend>(gradient: FloatTensor<B>, weight: &FloatTensor<B>, decay: f32) -> FloatTensor<B> {
    match decay == 0.0 {
        true => gradient,
        false => B::float_add(gradient, B::float_mul_scalar(weight.clone(), Scalar::from(decay))),
    }
}
