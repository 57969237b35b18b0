//! Weights from one library's names to another's.
//!
//! ```text
//! cargo run --release -p efficientnet-weights --example convert -- FILE_OR_MODEL NAMING OUT.safetensors
//! ```
//!
//! With the name of a network in place of a file the values are those of `efficientnet_weights::synthetic`.

use std::path::Path;

use efficientnet_arch::{ArchSpec, TensorSpec};
use efficientnet_weights::{LoadOptions, SaveOptions, Weights, load, save, synthetic};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, naming, out] = &arguments[..] else {
        return Err("usage: convert FILE_OR_MODEL NAMING OUT.safetensors".into());
    };
    let rule = |tensor: &TensorSpec| synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape);
    let mut weights = match Path::new(source).is_file() {
        true => load(source, &LoadOptions::default())?,
        false => Weights::from_tensors(ArchSpec::named(source)?.with_classes(1000), rule),
    };
    save(&mut weights, naming.parse()?, out, &SaveOptions { overwrite: true, ..SaveOptions::default() })?;
    Ok(())
}
