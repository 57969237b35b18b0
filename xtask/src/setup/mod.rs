//! `cargo xtask setup NAME...`: fetches what a backend, or MPI, needs, by package name, with the system's own tools.

mod apt;
mod mpi;
mod tch;
mod wgpu;

use std::str::FromStr;

use crate::backend::{Backend, names};
use crate::error::{Error, Result};
use crate::mpi::NAME as MPI;

/// What can be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What a backend needs.
    Backend(Backend),
    /// What training over several processes needs.
    Mpi,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        if text == MPI {
            return Ok(Self::Mpi);
        }
        let unknown = |_| format!("nothing is called `{text}`: there are {},{MPI}", names(&Backend::ALL));
        text.parse().map(Self::Backend).map_err(unknown)
    }
}

/// Sets each part up. What is there already is left alone, unless `force`.
pub fn setup(parts: &[Part], force: bool) -> Result<()> {
    let mut graphics = false;
    for &part in parts {
        let backend = match part {
            Part::Mpi => {
                mpi::setup(force)?;
                continue;
            }
            Part::Backend(backend) => backend,
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mpi_is_set_up_like_a_backend() {
        assert_eq!("mpi".parse(), Ok(Part::Mpi));
        assert_eq!("tch".parse(), Ok(Part::Backend(Backend::Tch)));
        let error = "mpich".parse::<Part>().unwrap_err();
        assert!(error.contains("`mpich`") && error.contains("tch") && error.contains(",mpi"), "{error}");
    }
}
