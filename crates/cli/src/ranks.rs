//! The processes that do a command's work together, where an MPI launcher started several.

use std::sync::Arc;

use efficientnet_train::{Alone, Ranks};

use crate::error::CliError;

/// The processes that were started together, and what has to live as long as they do. From here on an error of one rank is
/// the end of all, by [`end_all`]: the others would wait for it.
#[cfg(feature = "mpi")]
pub fn join() -> Result<(Arc<dyn Ranks>, Option<efficientnet_train::mpi::Session>), CliError> {
    use efficientnet_train::mpi;
    if !mpi::is_launched() {
        return Ok((Arc::new(Alone), None));
    }
    let (session, ranks) = mpi::join()?;
    // Unwinding would leave the others waiting.
    crate::error::abort_on_panic(|| mpi::abort(1));
    Ok((Arc::new(ranks), Some(session)))
}

#[cfg(not(feature = "mpi"))]
pub fn join() -> Result<(Arc<dyn Ranks>, ()), CliError> {
    const LAUNCHED: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK"];
    if LAUNCHED.iter().any(|name| std::env::var_os(name).is_some()) {
        let sentence = "this program was built without MPI, and every rank would do all the work by itself; build it with \
                        `--features mpi`";
        return Err(CliError::Usage(sentence.to_string()));
    }
    Ok((Arc::new(Alone), ()))
}

/// Ends all ranks where one has failed: MPI waits for who leaves quietly. Ctrl-C and a closed pipe are no failures: all
/// ranks have come to their end.
#[cfg(feature = "mpi")]
pub fn end_all(error: &CliError, ranks: &dyn Ranks) {
    let Some((sentence, status)) = error.failure() else { return };
    if ranks.world() == 1 {
        return;
    }
    // Where all fail alike, the first one's sentence is enough: it ends the others before they come to theirs.
    if !ranks.leads() {
        std::thread::sleep(std::time::Duration::from_secs(2));
    }
    eprintln!("error: rank {}: {sentence}", ranks.rank());
    efficientnet_train::mpi::abort(status.into());
}

#[cfg(not(feature = "mpi"))]
pub fn end_all(_error: &CliError, _ranks: &dyn Ranks) {}
