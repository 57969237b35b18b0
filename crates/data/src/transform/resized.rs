//! The same pipeline at another size, for progressive learning (EfficientNetV2, Section 4).

use super::{Op, Transform};
use crate::syntax::TransformError;

impl Transform {
    /// The same transform with images whose shorter side is `size`; the proportions stay.
    ///
    /// The operation that gives every image its size gets the new one. A `resize` or `squash` just before it is scaled by
    /// as much, and so is the size that a `padded_center_crop` is for. All else stays, a padding in pixels too.
    ///
    /// # Errors
    /// [`TransformError`] where the size is 0 or too large.
    pub fn with_size(&self, size: usize) -> Result<Self, TransformError> {
        let old = self.output[0].min(self.output[1]);
        let scaled = |side: usize| (side as f64 * size as f64 / old as f64).round() as usize;
        let mut ops = self.ops();
        let Some(sizing) = ops.iter().rposition(Op::changes_size) else { return Ok(self.clone()) };
        scale(&mut ops[sizing], scaled);
        if sizing > 0
            && matches!(ops[sizing - 1], Op::Resize { .. } | Op::Squash { .. } | Op::PaddedCenterCrop { .. })
        {
            scale(&mut ops[sizing - 1], scaled);
        }
        Self::new(&ops)
    }
}

fn scale(op: &mut Op, scaled: impl Fn(usize) -> usize) {
    match op {
        Op::Resize { short: size, .. } | Op::PaddedCenterCrop { size, .. } => *size = scaled(*size),
        Op::Squash { height, width, .. }
        | Op::CenterCrop { height, width }
        | Op::RandomCrop { height, width, .. }
        | Op::RandomResizedCrop { height, width, .. } => {
            *height = scaled(*height);
            *width = scaled(*width);
        }
        _ => {}
    }
}
