//! Tells the program the versions of the peers, out of the lock file.

use std::fs;

fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    let lock = fs::read_to_string("Cargo.lock").unwrap_or_default();
    for (variable, name) in [("ORT", "ort"), ("TRACT", "tract-onnx"), ("CANDLE", "candle-core")] {
        println!("cargo::rustc-env={variable}_VERSION={}", version(&lock, name).unwrap_or("?"));
    }
}

/// The version in the lock file's entry of that name.
fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{name}\"\n")))?;
    entry.split("version = \"").nth(1)?.split('"').next()
}
