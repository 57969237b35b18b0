//! Any convolution, one number at a time: for what has no kernel of its own (groups of several channels, which no
//! EfficientNet has). One thread.

use super::Convolution;

/// Calls `visit` with the places in x, weight and y of every product.
fn products(conv: &Convolution, mut visit: impl FnMut(usize, usize, usize)) {
    let Convolution { batch, in_channels, out_channels, groups, height, width, .. } = *conv;
    let ([kernel_rows, kernel_cols], [down, right], [top, _, left, _]) =
        (conv.kernel, conv.stride, conv.padding);
    let [rows, cols] = conv.output_size();
    let (ins, outs) = (in_channels / groups, out_channels / groups);
    for image in 0..batch {
        for out in 0..out_channels {
            for channel in 0..ins {
                let x = (image * in_channels + out / outs * ins + channel) * height * width;
                let y = (image * out_channels + out) * rows * cols;
                let weight = (out * ins + channel) * kernel_rows * kernel_cols;
                for tap in 0..kernel_rows * kernel_cols {
                    let (tap_row, tap_col) = (tap / kernel_cols, tap % kernel_cols);
                    for row in 0..rows {
                        let Some(x_row) = (row * down + tap_row).checked_sub(top).filter(|&i| i < height)
                        else {
                            continue;
                        };
                        for col in 0..cols {
                            let x_col = (col * right + tap_col).checked_sub(left).filter(|&i| i < width);
                            if let Some(x_col) = x_col {
                                visit(x + x_row * width + x_col, weight + tap, y + row * cols + col);
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn forward(conv: &Convolution, x: &[f32], weight: &[f32], y: &mut [f32]) {
    y.fill(0.0);
    products(conv, |i, k, o| y[o] += x[i] * weight[k]);
}

pub(super) fn input_gradient(conv: &Convolution, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    dx.fill(0.0);
    products(conv, |i, k, o| dx[i] += dy[o] * weight[k]);
}

pub(super) fn weight_gradient(conv: &Convolution, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let mut sums = vec![0.0_f64; dw.len()];
    products(conv, |i, k, o| sums[k] += f64::from(x[i]) * f64::from(dy[o]));
    for (dw, sum) in dw.iter_mut().zip(sums) {
        *dw = sum as f32;
    }
}
