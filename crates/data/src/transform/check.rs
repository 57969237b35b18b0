//! Which operations may stand where.

use std::ops::Range;

use super::Op;
use crate::syntax::Problem;

/// Checks that the operations make sense in this order; `places` are where they stand.
pub fn check(ops: &[Op], places: &[Range<usize>]) -> Result<(), Problem> {
    let problem = |index: usize, message: &str| Err(Problem::new(message, places[index].clone()));
    let normalize = ops.iter().position(|op| matches!(op, Op::Normalize(_)));
    let is_normalized = |index: usize| normalize.is_some_and(|normalize| normalize < index);
    for (index, op) in ops.iter().enumerate() {
        match op {
            Op::Decode { .. } if index > 0 => return problem(index, "`decode` comes first, once"),
            op if op.is_batch() && !is_normalized(index) => return problem(index, BATCH_AFTER),
            op if is_normalized(index) && !op.is_batch() => {
                let message =
                    "this works on one image's levels, so it comes before `normalize`, which comes once";
                return problem(index, message);
            }
            Op::MixUp { .. } | Op::CutMix { .. } if is_repeated(op, &ops[..index]) => {
                return problem(index, "a batch is mixed in one way: `mixup` and `cutmix` come once each");
            }
            Op::Resize { .. } if !ops.get(index + 1).is_some_and(Op::is_crop) => {
                let message = "`resize` keeps the proportions, so `center_crop` or `random_crop` must follow; to \
                               ignore them write `squash`";
                return problem(index, message);
            }
            _ => {}
        }
    }
    let Some(normalize) = normalize else {
        return problem(ops.len() - 1, "`normalize` must follow, like `normalize(imagenet)`");
    };
    match ops[..normalize].iter().rfind(|op| op.changes_size()) {
        Some(op) if op.output_size().is_some() => Ok(()),
        _ => {
            let message = "before `normalize` stands a crop of a given size, or `squash`, so that every image gets \
                           one size";
            problem(normalize, message)
        }
    }
}

const BATCH_AFTER: &str = "this mixes whole batches, so it comes after `normalize`";

fn is_repeated(op: &Op, before: &[Op]) -> bool {
    before.iter().any(|other| std::mem::discriminant(other) == std::mem::discriminant(op))
}
