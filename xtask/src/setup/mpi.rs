//! `setup mpi`: Open MPI with its headers, and libclang, which the bindings are made with.

use crate::error::{Error, Result};
use crate::mpi::{Mpi, PACKAGES};
use crate::setup::apt;

/// Installs what is missing, where this user may; otherwise says what to type.
pub fn setup(force: bool) -> Result<()> {
    let found = Mpi::here();
    if found.works() && !force {
        println!("mpi: {}", found.note());
        return Ok(());
    }
    apt::install("mpi", &PACKAGES, "an MPI with its headers, and libclang", force)?;
    let found = Mpi::here();
    if found.works() {
        println!("mpi: {}", found.note());
        Ok(())
    } else {
        Err(Error::failure(format!("{} were installed, and still: {}", PACKAGES.join(" "), found.note())))
    }
}
