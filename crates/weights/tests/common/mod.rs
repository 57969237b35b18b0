//! What the tests share: weights files made by hand.
#![allow(clippy::unwrap_used, dead_code)]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use efficientnet_arch::{ArchSpec, Coefficients};
use efficientnet_weights::Naming;
use serde_json::{Map, Value, json};

/// A safetensors header for `f32` tensors, with its length in front, and the number of bytes that have to follow.
pub fn header(tensors: &[(String, Vec<usize>)]) -> (Vec<u8>, u64) {
    let mut entries = Map::new();
    let mut end = 0;
    for (name, shape) in tensors {
        let start = end;
        end += 4 * shape.iter().product::<usize>();
        entries.insert(name.clone(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }));
    }
    let mut json = Value::Object(entries).to_string().into_bytes();
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json);
    (bytes, end as u64)
}

/// A file of zeros that takes no room on the disk.
pub fn sparse(path: &Path, tensors: &[(String, Vec<usize>)]) {
    let (header, values) = header(tensors);
    let mut file = File::create(path).unwrap();
    file.write_all(&header).unwrap();
    file.set_len(header.len() as u64 + values).unwrap();
}

/// Names and shapes that a library has for a network.
pub fn listed(spec: &ArchSpec, naming: Naming) -> Option<Vec<(String, Vec<usize>)>> {
    let table = naming.table(spec)?;
    let external = table.iter().filter_map(|mapping| mapping.external());
    Some(external.map(|(name, shape)| (name.to_string(), shape)).collect())
}

/// A network of a few thousand values with all of its family's parts.
pub fn tiny(model: &str) -> ArchSpec {
    let spec = ArchSpec::named(model).unwrap();
    let small = Coefficients { width: 0.05, depth: 0.3, resolution: 32 };
    spec.rescaled(small).unwrap().with_classes(5)
}

/// The folder of real weights, or none with a loud word.
pub fn assets() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets");
    let folder = std::env::var_os("EFFICIENTNET_ASSETS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: there is no folder of assets; set EFFICIENTNET_ASSETS to have this test run");
    None
}
