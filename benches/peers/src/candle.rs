//! candle, by its interpreter of ONNX graphs.
//!
//! candle has an EfficientNet of its own (`candle-transformers`), for V1 with TensorFlow's padding alone; by ONNX it runs
//! every network that the others run, with the same weights.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use candle_onnx::onnx::attribute_proto::AttributeType;
use candle_onnx::onnx::{AttributeProto, GraphProto};

use crate::images::Images;
use crate::{Args, Loaded};

/// The variable that alone says how many threads candle takes.
const THREADS_VARIABLE: &str = "RAYON_NUM_THREADS";

pub fn load(args: &Args, images: Images) -> Result<Loaded> {
    let threads = args.threads.to_string();
    ensure!(
        std::env::var(THREADS_VARIABLE).is_ok_and(|value| value == threads),
        "set {THREADS_VARIABLE}={threads}"
    );
    let mut model = candle_onnx::read_file(&args.onnx)?;
    let graph = model.graph.as_mut().context("the file has no graph")?;
    spell_out_pooling(graph);
    let input = graph.input.first().context("the graph has no input")?.name.clone();
    let output = graph.output.first().context("the graph has no output")?.name.clone();
    let x = Tensor::from_vec(images.values, &images.shape[..], &Device::Cpu)?;
    let pass = move || {
        let mut values = candle_onnx::simple_eval(&model, HashMap::from([(input.clone(), x.clone())]))?;
        let logits = values.remove(&output).context("the graph did not compute its output")?;
        Ok(logits.flatten_all()?.to_vec1::<f32>()?)
    };
    Ok(Loaded { description: format!("candle {}", env!("CANDLE_VERSION")), pass: Box::new(pass) })
}

/// `candle-onnx` does not know `GlobalAveragePool`; a mean over rows and columns is the same.
fn spell_out_pooling(graph: &mut GraphProto) {
    for node in graph.node.iter_mut().filter(|node| node.op_type == "GlobalAveragePool") {
        node.op_type = "ReduceMean".to_string();
        let axes = AttributeProto {
            name: "axes".to_string(),
            r#type: AttributeType::Ints.into(),
            ints: vec![2, 3],
            ..AttributeProto::default()
        };
        node.attribute.push(axes);
    }
}
