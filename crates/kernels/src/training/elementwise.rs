//! SiLU, the gate of squeeze-excite and the mean over a map, each way in one pass.

use super::check;

/// Writes `y = x / (1 + e^-x)`.
pub fn silu_forward(x: &[f32], y: &mut [f32]) {
    check("y", y.len(), x.len());
    for (y, x) in y.iter_mut().zip(x) {
        *y = x / (1.0 + (-x).exp());
    }
}

/// Writes the gradient for `x`, from `x` (the output is not needed) and the gradient for `y`.
pub fn silu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    check("dy", dy.len(), x.len());
    check("dx", dx.len(), x.len());
    for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
        let sigmoid = 1.0 / (1.0 + (-x).exp());
        *dx = dy * sigmoid * (1.0 + x * (1.0 - sigmoid));
    }
}

/// Pixels in each of so many planes.
///
/// # Panics
/// If they are not all of one size.
#[track_caller]
fn pixels(what: &str, numbers: usize, planes: usize) -> usize {
    let pixels = numbers.checked_div(planes).unwrap_or(0);
    check(what, numbers, planes * pixels);
    pixels
}

/// Multiplies every plane of `x` `[batch, channels, pixels]` with its number in `gate` `[batch, channels]`.
pub fn scale_channels_forward(x: &[f32], gate: &[f32], y: &mut [f32]) {
    let pixels = pixels("x", x.len(), gate.len());
    check("y", y.len(), x.len());
    for (plane, gate) in gate.iter().enumerate() {
        for i in plane * pixels..(plane + 1) * pixels {
            y[i] = x[i] * gate;
        }
    }
}

/// Writes the gradients for `x` and `gate`, from the one for `y`.
pub fn scale_channels_backward(x: &[f32], gate: &[f32], dy: &[f32], dx: &mut [f32], dgate: &mut [f32]) {
    let pixels = pixels("x", x.len(), gate.len());
    check("dy", dy.len(), x.len());
    check("dx", dx.len(), x.len());
    check("dgate", dgate.len(), gate.len());
    for (plane, dgate) in dgate.iter_mut().enumerate() {
        let mut sum = 0.0_f64;
        for i in plane * pixels..(plane + 1) * pixels {
            dx[i] = dy[i] * gate[plane];
            sum += f64::from(dy[i] * x[i]);
        }
        *dgate = sum as f32;
    }
}

/// Writes the mean of every plane of `x` `[batch, channels, pixels]` into `y` `[batch, channels]`.
pub fn mean_pool_forward(x: &[f32], y: &mut [f32]) {
    let pixels = pixels("x", x.len(), y.len());
    for (plane, y) in y.iter_mut().enumerate() {
        let sum: f64 = x[plane * pixels..(plane + 1) * pixels].iter().map(|&x| f64::from(x)).sum();
        *y = (sum / pixels as f64) as f32;
    }
}

/// Writes the gradient for `x` `[batch, channels, pixels]`, from the one for `y` `[batch, channels]`.
pub fn mean_pool_backward(dy: &[f32], dx: &mut [f32]) {
    let pixels = pixels("dx", dx.len(), dy.len());
    for (plane, dy) in dy.iter().enumerate() {
        dx[plane * pixels..(plane + 1) * pixels].fill(dy / pixels as f32);
    }
}
