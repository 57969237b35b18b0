//! `cargo xtask setup BACKEND...`: fetches what a backend needs, by package name, with the system's own tools.

mod tch;
mod wgpu;

use crate::backend::Backend;
use crate::error::{Error, Result};

/// Sets each backend up. What is there already is left alone, unless `force`.
pub fn setup(backends: &[Backend], force: bool) -> Result<()> {
    let mut graphics = false;
    for &backend in backends {
        match backend {
            Backend::Flex | Backend::Ndarray => println!("{backend}: needs nothing"),
            Backend::Tch => tch::setup(force)?,
            Backend::Wgpu | Backend::Vulkan if graphics => {}
            Backend::Wgpu | Backend::Vulkan => {
                graphics = true;
                wgpu::setup(force)?;
            }
            Backend::Cuda => {
                return Err(Error::usage(
                    "cuda: the driver and the CUDA toolkit 12 are the machine's own; install them as NVIDIA or your \
                     distribution says, then look at `cargo xtask doctor`",
                ));
            }
            Backend::Cpu => println!("cpu: needs nothing beforehand (its build downloads an LLVM)"),
        }
    }
    Ok(())
}
