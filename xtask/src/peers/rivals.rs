//! The program of the rivals that are Rust crates: a package of its own (`benches/peers`), which is built only here.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::side::Side;
use crate::error::Result;
use crate::paths;
use crate::process;

/// The compiler of `candle-onnx`'s build script.
const PROTOC_VARIABLE: &str = "PROTOC";

/// The program, and who is in it.
#[derive(Debug)]
pub struct Rivals {
    binary: PathBuf,
    /// Why a rival is not in it.
    missing: Vec<(Side, String)>,
}

impl Rivals {
    /// Builds the program with those of `sides` that are Rust crates. Ctrl-C is the only error.
    pub fn build(sides: &[Side]) -> Result<Self> {
        let target = paths::target()?.join("peers");
        let binary = target.join("release").join(format!("efficientnet-peers{}", env::consts::EXE_SUFFIX));
        let mut rivals = Self { binary, missing: Vec::new() };
        let mut wanted: Vec<Side> = sides.iter().copied().filter(|side| side.is_rival()).collect();
        if wanted.contains(&Side::Candle) && !has_protoc() {
            wanted.retain(|&side| side != Side::Candle);
            let reason = "candle-onnx is built with `protoc`: `apt-get install -y protobuf-compiler`";
            rivals.missing.push((Side::Candle, reason.to_string()));
        }
        if wanted.is_empty() {
            return Ok(rivals);
        }
        let names: Vec<&str> = wanted.iter().map(|side| side.name()).collect();
        eprintln!("building the rivals {}", names.join(", "));
        let mut command = paths::cargo()?;
        command.args(["build", "--release", "--locked", "--features", &names.join(",")]);
        command.arg("--manifest-path").arg(paths::workspace_root()?.join("benches/peers/Cargo.toml"));
        command.arg("--target-dir").arg(target);
        match process::run(&mut command) {
            Err(error) if process::interrupted() => return Err(error),
            Err(_) => {
                let reason = "benches/peers does not build here: cargo says why, above";
                rivals.missing.extend(wanted.iter().map(|&side| (side, reason.to_string())));
            }
            Ok(()) => {}
        }
        Ok(rivals)
    }

    /// The program for a rival, or why there is none.
    pub fn command(&self, side: Side) -> std::result::Result<Command, String> {
        if let Some((_, reason)) = self.missing.iter().find(|(missing, _)| *missing == side) {
            return Err(reason.clone());
        }
        let mut command = Command::new(&self.binary);
        command.arg(side.name());
        Ok(command)
    }
}

fn has_protoc() -> bool {
    let program = env::var_os(PROTOC_VARIABLE).unwrap_or_else(|| "protoc".into());
    process::probe(Command::new(program).arg("--version")).is_some()
}
