//! Debian's packages: installed where this user may, otherwise what to type.

use std::process::Command;

use crate::error::{Error, Result};
use crate::process;

/// Installs packages for `what`; `elsewhere` says what to install on a system without `apt-get`.
pub fn install(what: &str, packages: &[&str], elsewhere: &str, force: bool) -> Result<()> {
    let install = format!("apt-get install -y {}", packages.join(" "));
    if process::probe(Command::new("apt-get").arg("--version")).is_none() {
        return Err(Error::usage(format!(
            "no `apt-get` here: install {elsewhere} with your system's own package manager; on Debian that is `{install}`"
        )));
    }
    if process::probe(Command::new("id").arg("-u")).as_deref() != Some("0") {
        return Err(Error::usage(format!(
            "{what} needs packages: type `sudo apt-get update && sudo {install}`"
        )));
    }
    println!("{what}: {install}");
    apt(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    if force {
        arguments.push("--reinstall");
    }
    arguments.extend(packages);
    apt(&arguments)
}

fn apt(arguments: &[&str]) -> Result<()> {
    process::run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive")).map_err(
        |error| {
            if error.code == 1 { Error::failure(format!("{error} (its message is above)")) } else { error }
        },
    )
}
