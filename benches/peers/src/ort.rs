//! ONNX Runtime, by the crate `ort`, which opens the library at run time.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use ort::environment::EnvironmentBuilder;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use crate::images::Images;
use crate::{Args, Loaded};

/// All optimisations on; threads of one operation only, since the networks are chains.
pub fn load(args: &Args, images: Images) -> Result<Loaded> {
    let library =
        args.library.as_ref().context("ONNX Runtime's shared library must be named by --library")?;
    let environment = ort::init_from(library)
        .map_err(|error| anyhow!("{error}; `pip install onnxruntime` has a library that fits"))?;
    let mut session = session(args, environment).map_err(|error| anyhow!("{error}"))?;
    let mut pass = move || -> ort::Result<Vec<f32>> {
        let x = TensorRef::from_array_view((images.shape, &images.values[..]))?;
        let outputs = session.run(ort::inputs![x])?;
        Ok(outputs[0].try_extract_tensor::<f32>()?.1.to_vec())
    };
    let description = description(library);
    Ok(Loaded { description, pass: Box::new(move || Ok(pass()?)) })
}

fn session(args: &Args, environment: EnvironmentBuilder) -> ort::Result<Session> {
    let mut builder = Session::builder(&environment.build()?)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(args.threads)?
        .with_inter_threads(1)?;
    builder.commit_from_file(&args.onnx)
}

/// The library's file, whose name ends in its version: its own account of its making has only a branch.
fn description(library: &Path) -> String {
    let file = library.file_name().unwrap_or_default().to_string_lossy();
    format!("{file}, ort {}", env!("ORT_VERSION"))
}
