//! Where things are: the workspace, the cache of fetched parts, and `cargo` itself.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::error::{Context, Error, Result};
use crate::process;

/// The version of libtorch that Burn 0.22's `tch` is written for.
pub const LIBTORCH_VERSION: &str = "2.9.0";

/// The folder of the workspace's `Cargo.toml`.
pub fn workspace_root() -> Result<PathBuf> {
    // `cargo run` says where this package is; without it, the nearest lock file above the current folder does.
    if let Some(package) = env::var_os("CARGO_MANIFEST_DIR")
        && let Some(root) = Path::new(&package).parent()
    {
        return Ok(root.to_path_buf());
    }
    let here = env::current_dir().doing(|| "cannot tell the current folder".into())?;
    here.ancestors()
        .find(|folder| folder.join("Cargo.lock").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| Error::usage("no workspace here: run `cargo xtask` inside the repository"))
}

/// The folder for what `setup` fetches: `EFFICIENTNET_CACHE`, or `efficientnet` in the user's cache folder.
pub fn cache() -> Result<PathBuf> {
    cache_from(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)).ok_or_else(
        || Error::usage("no HOME is set: say where to keep downloads with EFFICIENTNET_CACHE=FOLDER"),
    )
}

fn cache_from(var: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    var("EFFICIENTNET_CACHE")
        .or_else(|| Some(var("XDG_CACHE_HOME")?.join("efficientnet")))
        .or_else(|| Some(var("HOME")?.join(".cache").join("efficientnet")))
}

/// Where `setup tch` puts its libtorch.
pub fn cached_libtorch() -> Result<PathBuf> {
    Ok(cache()?.join(format!("libtorch-{LIBTORCH_VERSION}")))
}

/// Whether `folder` is a libtorch that can be linked and loaded.
pub fn is_libtorch(folder: &Path) -> bool {
    let library = if cfg!(target_os = "macos") { "libtorch_cpu.dylib" } else { "libtorch_cpu.so" };
    folder.join("lib").join(library).is_file() && folder.join("include").join("torch").is_dir()
}

/// The libtorch to use: `LIBTORCH` when it names one, else the cached one.
pub fn libtorch() -> Option<PathBuf> {
    let named = env::var_os("LIBTORCH").map(PathBuf::from);
    named.into_iter().chain(cached_libtorch().ok()).find(|folder| is_libtorch(folder))
}

/// Cargo in the workspace's root, without the variables that `cargo run` has set for us: some build scripts watch
/// those and would rebuild half of the tree each time the caller alternates between `cargo` and `cargo xtask`.
pub fn cargo() -> Result<Command> {
    without_ours(Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())))
}

/// A program of the nightly toolchain, likewise.
pub fn nightly(program: &str) -> Result<Command> {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", program]).env_remove("CARGO").env_remove("RUSTC");
    without_ours(command)
}

fn without_ours(mut command: Command) -> Result<Command> {
    command.current_dir(workspace_root()?);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text == "CARGO_PRIMARY_PACKAGE"
        {
            command.env_remove(&name);
        }
    }
    Ok(command)
}

/// Cargo's target folder, as configured.
pub fn target() -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let text = process::probe(cargo()?.args(["metadata", "--no-deps", "--format-version", "1", "--quiet"]))
        .ok_or_else(|| Error::failure("`cargo metadata` fails here: run it by hand to see why"))?;
    let metadata: Metadata = serde_json::from_str(&text).doing(|| "cannot read `cargo metadata`".into())?;
    Ok(metadata.target_directory)
}

/// `path` as users write it: `~` for their home, relative inside the current folder.
pub fn display(path: &Path) -> String {
    if let Ok(here) = env::current_dir()
        && let Ok(inside) = path.strip_prefix(&here)
        && !inside.as_os_str().is_empty()
    {
        return inside.display().to_string();
    }
    match env::var_os("HOME").map(PathBuf::from) {
        Some(home) if home.parent().is_some() => match path.strip_prefix(&home) {
            Ok(inside) => Path::new("~").join(inside).display().to_string(),
            Err(_) => path.display().to_string(),
        },
        _ => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_follows_its_three_variables_in_order() {
        let find = |set: &[(&str, &str)]| {
            let set: Vec<(String, String)> =
                set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            cache_from(move |name| {
                set.iter().find(|(key, _)| key == name).map(|(_, value)| PathBuf::from(value))
            })
        };
        let all = [("HOME", "/h"), ("XDG_CACHE_HOME", "/x"), ("EFFICIENTNET_CACHE", "/e")];
        assert_eq!(find(&all), Some(PathBuf::from("/e")));
        assert_eq!(find(&all[..2]), Some(PathBuf::from("/x/efficientnet")));
        assert_eq!(find(&all[..1]), Some(PathBuf::from("/h/.cache/efficientnet")));
        assert_eq!(find(&[]), None);
    }

    #[test]
    fn a_libtorch_needs_both_halves() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_libtorch(folder.path()));
        std::fs::create_dir_all(folder.path().join("include/torch")).unwrap();
        std::fs::create_dir_all(folder.path().join("lib")).unwrap();
        assert!(!is_libtorch(folder.path()));
        for name in ["libtorch_cpu.so", "libtorch_cpu.dylib"] {
            std::fs::write(folder.path().join("lib").join(name), "").unwrap();
        }
        assert!(is_libtorch(folder.path()));
    }
}
