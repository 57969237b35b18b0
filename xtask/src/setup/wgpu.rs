//! `setup wgpu`: the Vulkan loader and, where there is no GPU, a Vulkan that runs on the CPU.
//!
//! That Vulkan is SwiftShader, as it comes inside Debian's `chromium` package. Mesa's lavapipe would be smaller and
//! crashes on these networks.

use crate::backend::Backend;
use crate::doctor;
use crate::error::{Error, Result};
use crate::setup::apt;
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
    let elsewhere = "the Vulkan loader and Chromium (for its SwiftShader)";
    apt::install("wgpu, vulkan", &packages, elsewhere, force)?;
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
