//! `mpirun -n 2 efficientnet train`: two processes learn what one does, stop together, and end together when one of them
//! cannot go on. Every wait has a bound, since what is looked for is a process that waits for ever.
//!
//! Without the cargo feature `mpi` there is nothing to test; `EFFICIENTNET_TEST_MPI=1` says that there has to be.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

/// Set by who knows that MPI is there: then a build without it fails instead of testing nothing.
#[cfg(not(all(feature = "mpi", target_os = "linux")))]
const WANTED: &str = "EFFICIENTNET_TEST_MPI";

#[cfg(not(all(feature = "mpi", target_os = "linux")))]
#[test]
fn mpi_is_compiled_in_where_it_has_to_be_tested() {
    assert!(std::env::var_os(WANTED).is_none(), "{WANTED} is set, and this build has not the feature `mpi`");
    eprintln!("NOT tested: training over MPI, which this build has not");
}

#[cfg(all(feature = "mpi", target_os = "linux"))]
mod launched;
