//! `cargo xtask docs`: rewrites the generated tables of the README and of `docs/`.
//!
//! A table stands between two markers, and the first says what makes it:
//!
//! ```text
//! <!-- generated: models columns=name,params,macs -->
//! ...
//! <!-- /generated -->
//! ```
//!
//! so that a figure in the docs is never typed by hand, and `--check` tells when one is out of date.

mod markers;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::paths;
use markers::Marker;
use tables::Sources;

/// Rewrites the tables. With `check` writes nothing, and fails when something would change.
pub fn docs(check: bool) -> Result<()> {
    let root = paths::workspace_root()?;
    let mut sources = Sources::new(root.clone());
    let mut stale = Vec::new();
    let mut tables = 0;
    for path in files(&root) {
        let old = fs::read_to_string(&path).doing(|| format!("cannot read {}", path.display()))?;
        let shown = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        let new = markers::rewrite(&old, &mut |marker: &Marker<'_>| {
            tables += 1;
            sources.table(marker)
        })
        .map_err(|error| Error { message: format!("{shown}: {}", error.message), ..error })?;
        if new == old {
            continue;
        }
        if !check {
            fs::write(&path, new).doing(|| format!("cannot write {}", path.display()))?;
            println!("{shown}: rewritten");
        }
        stale.push(shown);
    }
    match (check, stale.is_empty()) {
        (true, false) => Err(Error::failure(format!(
            "out of date: {}; type `cargo xtask docs` and commit the change",
            stale.join(", ")
        ))),
        (false, false) => Ok(()),
        (_, true) => {
            println!("{tables} generated tables are up to date");
            Ok(())
        }
    }
}

/// The README, and every Markdown file in `docs/`.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> = [root.join("README.md")].into_iter().filter(|path| path.is_file()).collect();
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                list.push(path);
            }
        }
    }
    list.sort();
    list
}
