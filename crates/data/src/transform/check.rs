//! Which operations may stand where.

use std::ops::Range;

use super::Op;
use crate::syntax::Problem;

/// Checks that the operations make sense in this order; `places` are where they stand.
pub fn check(ops: &[Op], places: &[Range<usize>]) -> Result<(), Problem> {
    let last = ops.len() - 1;
    for (index, (op, place)) in ops.iter().zip(places).enumerate() {
        let problem = |message| Err(Problem::new(message, place.clone()));
        match op {
            Op::Decode { .. } if index > 0 => return problem("`decode` comes first, once"),
            Op::Normalize(_) if index < last => return problem("`normalize` comes last, once"),
            Op::Resize { .. } if !ops.get(index + 1).is_some_and(Op::is_crop) => {
                return problem(
                    "`resize` keeps the proportions, so `center_crop` or `random_crop` must follow; to ignore them \
                     write `squash`",
                );
            }
            _ => {}
        }
    }
    let end = Problem::new("", places[last].clone());
    if !matches!(ops[last], Op::Normalize(_)) {
        return Err(Problem {
            message: "`normalize` must follow, like `normalize(imagenet)`".to_string(),
            ..end
        });
    }
    match ops[..last].iter().rfind(|op| op.changes_size()) {
        Some(op) if op.output_size().is_some() => Ok(()),
        _ => {
            let message = "before `normalize` stands a crop of a given size, or `squash`, so that every \
                           image gets one size";
            Err(Problem { message: message.to_string(), ..end })
        }
    }
}
