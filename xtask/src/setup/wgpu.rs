//! `setup wgpu`: the Vulkan loader and, where there is no GPU, a Vulkan that runs on the CPU.
//!
//! That Vulkan is SwiftShader, as it comes inside Debian's `chromium` package. Mesa's lavapipe would be smaller and
//! crashes on these networks.

use std::process::Command;

use crate::backend::Backend;
use crate::doctor;
use crate::error::{Error, Result};
use crate::process;
use crate::system::{Adapter, System};

/// Installs what is missing, where this user may; otherwise says what to type.
pub fn setup(force: bool) -> Result<()> {
    let system = System::here();
    let verdict = doctor::verdict(Backend::Wgpu, &system);
    if verdict.runs && !force {
        println!("wgpu, vulkan: {}", verdict.note);
        return Ok(());
    }
    if !cfg!(target_os = "linux") {
        return Err(Error::failure(format!("wgpu: {}; this system should need no set-up", verdict.note)));
    }
    let packages = packages(&system);
    let install = format!("apt-get install -y {}", packages.join(" "));
    if process::probe(Command::new("apt-get").arg("--version")).is_none() {
        return Err(Error::usage(format!(
            "no `apt-get` here: install the Vulkan loader and Chromium (for its SwiftShader) with your system's own \
             package manager; on Debian that is `{install}`"
        )));
    }
    if process::probe(Command::new("id").arg("-u")).as_deref() != Some("0") {
        return Err(Error::usage(format!(
            "wgpu needs packages: type `sudo apt-get update && sudo {install}`"
        )));
    }
    println!("wgpu, vulkan: {install}");
    apt(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    if force {
        arguments.push("--reinstall");
    }
    arguments.extend(&packages);
    apt(&arguments)?;
    let verdict = doctor::verdict(Backend::Wgpu, &System::here());
    if verdict.runs {
        println!("wgpu, vulkan: {}", verdict.note);
        Ok(())
    } else {
        Err(Error::failure(format!("{} was installed, and still: {}", packages.join(" "), verdict.note)))
    }
}

fn packages(system: &System) -> Vec<&'static str> {
    let software = !matches!(system.adapter, Adapter::Gpu(_) | Adapter::Named(_));
    [(true, "libvulkan1"), (software, "chromium")]
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, p)| p)
        .collect()
}

fn apt(arguments: &[&str]) -> Result<()> {
    process::run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive")).map_err(
        |error| {
            if error.code == 1 { Error::failure(format!("{error} (its message is above)")) } else { error }
        },
    )
}
