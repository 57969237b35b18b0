//! `cargo xtask test kernels`: everything that computes with our kernels, once for each instruction set that this processor has.
//!
//! The tests of `crates/kernels` go through the instruction sets by themselves. Forcing one by the environment besides holds what
//! a user can force: that it reaches networks, training steps and Burn's tensors, and that none of them needs another one.

use crate::backend::Backend;
use crate::build;
use crate::error::{Error, Result};
use crate::system::System;

use super::{BACKENDS_VARIABLE, Tally, run};

/// Forces an instruction set, see `crates/kernels/src/isa.rs`.
const ISA_VARIABLE: &str = "EFFICIENTNET_ISA";
/// The test programs: of `kernels`, of `ops`, and of whole networks in `model` and `train`.
const PROGRAMS: [&str; 12] = [
    "bytes",
    "plan",
    "random",
    "shapes",
    "training",
    "training_random",
    "convolutions",
    "elementwise",
    "normalisation",
    "synchronised",
    "fused",
    "parity",
];

/// An instruction set, and whether this processor has it.
fn instruction_sets() -> [(&'static str, bool); 4] {
    #[cfg(target_arch = "x86_64")]
    let (avx2, avx512) = (
        std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma"),
        std::is_x86_feature_detected!("avx512f"),
    );
    #[cfg(not(target_arch = "x86_64"))]
    let (avx2, avx512) = (false, false);
    [("portable", true), ("neon", cfg!(target_arch = "aarch64")), ("avx2", avx2), ("avx512", avx512)]
}

/// Runs the programs under each instruction set, and prints a line for each.
pub fn kernels() -> Result<()> {
    let system = System::here();
    let features = build::features(&[Backend::Flex, Backend::Ndarray], false, &system)?;
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for (name, has) in instruction_sets() {
        if !has {
            lines.push(format!("{name:10} NOT tested: this processor does not have it"));
            continue;
        }
        println!("== {name}");
        let mut command = build::cargo("test", &features, &system)?;
        command.arg("--release").env(BACKENDS_VARIABLE, "flex").env(ISA_VARIABLE, name);
        command.args(PROGRAMS.iter().flat_map(|program| ["--test", program]));
        command.arg("--no-fail-fast");
        let (success, Tally { passed, failed: wrong, ignored, programs }) =
            run(&mut command, &mut std::io::stdout())?;
        lines.push(format!(
            "{name:10} {passed} passed, {wrong} failed, {ignored} ignored in {programs} programs"
        ));
        if !success || passed == 0 {
            failed.push(name);
        }
    }
    println!("\n{}", lines.join("\n"));
    match failed.is_empty() {
        true => build::remember(&features),
        false => Err(Error::failure(format!("tests failed with {}: see above", failed.join(", ")))),
    }
}
