//! tract, its graph made concrete for the shape of the images and optimised.

use anyhow::Result;
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

use crate::images::Images;
use crate::{Args, Loaded};

/// Several threads share the matrix products; tract has no others.
pub fn load(args: &Args, images: Images) -> Result<Loaded> {
    if args.threads > 1 {
        set_default_executor(Executor::multithread(args.threads));
    }
    let plan = tract_onnx::onnx()
        .model_for_path(&args.onnx)?
        .with_input_fact(0, f32::fact(images.shape).into())?
        .into_optimized()?
        .into_runnable()?;
    let x: TValue = Tensor::from_shape(&images.shape, &images.values)?.into();
    drop(images);
    let pass = move || {
        let outputs = plan.run(tvec!(x.clone()))?;
        let logits = outputs[0].to_plain_array_view::<f32>()?;
        Ok(logits.iter().copied().collect())
    };
    Ok(Loaded { description: format!("tract {}", env!("TRACT_VERSION")), pass: Box::new(pass) })
}
