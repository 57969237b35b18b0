//! What the program knows of its own making: where LibTorch was linked from, and of which commit, by which compiler, it was
//! built, for the environment that runs and searches note.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    println!("cargo::rerun-if-changed=build.rs");
    let unix = env::var_os("CARGO_CFG_UNIX").is_some();
    if let (true, Some(_), Ok(libtorch)) = (unix, env::var_os("CARGO_FEATURE_TCH"), env::var("LIBTORCH")) {
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{libtorch}/lib");
    }
    if let Some(version) = said(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()), &["--version"]) {
        println!("cargo::rustc-env=EFFICIENTNET_RUSTC={version}");
    }
    // A released package has no history, and a fresh one has no commit.
    let Some(commit) = git(&["describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]) else {
        return;
    };
    println!("cargo::rustc-env=EFFICIENTNET_COMMIT={commit}");
    // The index changes with every commit and every file that is added to one.
    for file in ["HEAD", "index"] {
        let path = git(&["rev-parse", "--path-format=absolute", "--git-path", file]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

fn git(words: &[&str]) -> Option<String> {
    said("git".into(), words)
}

/// What a program printed, where there is one and it succeeded.
fn said(program: OsString, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_string()).filter(|text| !text.is_empty())
}
