//! `cargo xtask demo`: a small EfficientNet is trained on the built-in pictures, measured, and shown on a page.
//!
//! No download, no weights, no GPU. Interrupted, it goes on where it was.

use std::path::Path;

use crate::backend::Backend;
use crate::build;
use crate::error::Result;
use crate::process;
use crate::system::System;

/// Where the run is kept, below the working directory.
const FOLDER: &str = "runs/demo";
/// Pictures that neither training nor validation has, of the size in `recipes/demo.toml`.
const UNSEEN: &str = "shapes(images=1000, size=48, seed=2)";

/// Trains, evaluates and says where the page is.
pub fn demo() -> Result<()> {
    let system = System::here();
    let built = build::build(&[Backend::Flex, Backend::Ndarray], false, "release", &system)?;
    let mut train = built.command(&system);
    train.args(["train", "demo", "--linear-baseline", "--out", FOLDER]);
    if Path::new(FOLDER).join("recipe.toml").exists() {
        eprintln!("{FOLDER} is there: going on with it");
        train.arg("--resume");
    }
    process::run(&mut train)?;
    println!("\nOn pictures that it has never seen:");
    process::run(built.command(&system).args([
        "eval",
        "--weights",
        FOLDER,
        "--data",
        UNSEEN,
        "--per-class",
    ]))?;
    println!("\nThe page: {FOLDER}/report.html");
    Ok(())
}
