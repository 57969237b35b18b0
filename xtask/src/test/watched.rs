//! `cargo xtask test miri` and `cargo xtask test races`: the kernels' tests while somebody watches what is done to memory.
//!
//! `crates/kernels` is the one crate with `unsafe`. Both watchers need a nightly toolchain; the rest of the workspace does not.

use crate::error::{Error, Result};
use crate::paths;
use crate::process;

use super::{Tally, run};

/// Who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watcher {
    /// The interpreter that knows when an access is undefined. It has no vector instructions and so takes the portable kernels, and is
    /// a thousand times slower: it gets the unit tests and the smallest networks.
    Miri,
    /// LLVM's, compiled in: every test, with all instruction sets that this processor has.
    ThreadSanitiser,
}

/// The compilation target that runs here, which a standard library that is built along has to be told.
fn host() -> Result<String> {
    let text = process::probe(paths::nightly("rustc")?.args(["--version", "--verbose"]));
    let host = text.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("host: ")));
    host.map(str::to_string).ok_or_else(|| {
        Error::usage(
            "no nightly toolchain is here: `rustup toolchain install nightly --component miri,rust-src`",
        )
    })
}

/// Runs the tests of `crates/kernels` under it.
pub fn watched(watcher: Watcher) -> Result<()> {
    let host = host()?;
    let mut command = paths::nightly("cargo")?;
    let package = ["-p", "efficientnet-kernels"];
    match watcher {
        Watcher::Miri => {
            command.args(["miri", "test"]).args(package).args(["--lib", "--test", "small"]);
            // Of the crates that rayon stands on, one still computes addresses from numbers; its threads outlive `main`.
            command.env("MIRIFLAGS", "-Zmiri-tree-borrows -Zmiri-permissive-provenance -Zmiri-ignore-leaks");
        }
        Watcher::ThreadSanitiser => {
            command.args(["test", "--release", "-Zbuild-std", "--target", &host]).args(package);
            // Documentation's examples would be linked without the sanitiser's own library.
            command.args(["--lib", "--tests"]);
            command.env("RUSTFLAGS", "-Zsanitizer=thread");
        }
    }
    command.arg("--target-dir").arg(paths::target()?.join("watched"));
    command.arg("--no-fail-fast");
    let (success, Tally { passed, failed, ignored, programs }) = run(&mut command, &mut std::io::stdout())?;
    println!("\n{passed} passed, {failed} failed, {ignored} ignored in {programs} programs");
    match success && passed > 0 {
        true => Ok(()),
        false => Err(Error::failure("the kernels' tests failed: see above")),
    }
}
