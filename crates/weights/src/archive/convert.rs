//! Little-endian bytes become `f32`.

use half::{bf16, f16};

use super::Dtype;

/// Appends the values in `bytes`, whose length is a multiple of the value's.
pub(super) fn append(bytes: &[u8], dtype: Dtype, values: &mut Vec<f32>) {
    match dtype {
        Dtype::F32 => values.extend(bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value))),
        Dtype::F64 => {
            values.extend(bytes.as_chunks().0.iter().map(|value| f64::from_le_bytes(*value) as f32))
        }
        Dtype::F16 => {
            values.extend(bytes.as_chunks().0.iter().map(|value| f16::from_le_bytes(*value).to_f32()))
        }
        Dtype::Bf16 => {
            values.extend(bytes.as_chunks().0.iter().map(|value| bf16::from_le_bytes(*value).to_f32()));
        }
        Dtype::Other => {}
    }
}
