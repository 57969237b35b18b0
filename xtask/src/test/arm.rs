//! `cargo xtask test arm`: the kernels' tests for 64-bit ARM, in an emulator.
//!
//! Where there is no such processor, it is the only way to run what is written for NEON. It says that the results are right and nothing
//! about their speed.

use std::process::Command;

use crate::error::{Error, Result};
use crate::{paths, process};

use super::{Tally, run};

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";
/// Where Debian's package has the other system's libraries.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";
/// All but those that go through every named network: they would take most of an hour.
const PROGRAMS: [&str; 4] = ["small", "random", "bytes", "training_random"];

/// Runs the tests of `crates/kernels` in it.
pub fn arm() -> Result<()> {
    if cfg!(target_arch = "aarch64") {
        return Err(Error::usage(
            "this is an ARM processor: `cargo xtask test kernels` runs its instructions themselves",
        ));
    }
    let missing =
        [LINKER, EMULATOR].iter().any(|name| process::probe(Command::new(name).arg("--version")).is_none());
    if missing {
        return Err(Error::usage(format!(
            "compiler and emulator of 64-bit ARM are not here: `apt-get install -y qemu-user gcc-aarch64-linux-gnu \
             libc6-dev-arm64-cross` and `rustup target add {TARGET}`"
        )));
    }
    let mut command = paths::cargo()?;
    command.args(["test", "--release", "--target", TARGET, "-p", "efficientnet-kernels", "--lib"]);
    command.args(PROGRAMS.iter().flat_map(|program| ["--test", program]));
    let name = |what: &str| format!("CARGO_TARGET_{}_{what}", TARGET.to_uppercase().replace('-', "_"));
    command.env(name("LINKER"), LINKER).env(name("RUNNER"), format!("{EMULATOR} -L {LIBRARIES}"));
    command.arg("--target-dir").arg(paths::target()?.join("arm")).arg("--no-fail-fast");
    let (success, Tally { passed, failed, ignored, programs }) = run(&mut command, &mut std::io::stdout())?;
    println!("\n{passed} passed, {failed} failed, {ignored} ignored in {programs} programs");
    match success && passed > 0 {
        true => Ok(()),
        false => Err(Error::failure(format!(
            "the kernels' tests failed: see above (where the standard library was missing: `rustup target add {TARGET}`)"
        ))),
    }
}
