//! Ranks over MPI, behind the cargo feature `mpi`: one process a device, started by `mpirun` or by Slurm's `srun`.
//!
//! Burn has no training over several processes. MPI brings what that needs beside an all-reduce: launchers on every
//! cluster, and the end of all ranks when one dies. Only blocking calls are used: the non-blocking all-reduce makes no
//! progress by itself.

use ::mpi::collective::SystemOperation;
use ::mpi::environment::Universe;
use ::mpi::topology::SimpleCommunicator;
use ::mpi::traits::{Communicator, CommunicatorCollectives, Equivalence};
use ::mpi::{Threading, initialize_with_threading};

use crate::{Ranks, TrainError};

/// Values in one all-reduce: MPI counts in 32 bits, and small pieces overlap copying with sending.
const BUCKET: usize = 1 << 22;

/// Variables by which a launcher tells a process that it is one of several.
const LAUNCHED: [&str; 4] = ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"];

/// Variables by which it says how many.
const SIZES: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

/// True where an MPI launcher started this process.
pub fn is_launched() -> bool {
    LAUNCHED.iter().any(|name| std::env::var_os(name).is_some())
}

/// MPI, from here to the end of the process. Dropping it waits for all ranks, so after an error call [`abort`] instead.
pub struct Session {
    _universe: Universe,
}

/// All processes of the launcher.
#[derive(Debug, Clone, Copy)]
pub struct MpiRanks {
    rank: usize,
    world: usize,
}

/// Joins the other processes. Call it once.
///
/// # Errors
/// [`TrainError::Ranks`] where MPI was begun before, or cannot be called from the thread that trains;
/// [`TrainError::Launcher`] where the launcher and this MPI do not understand each other: every process would train by itself.
pub fn join() -> Result<(Session, MpiRanks), TrainError> {
    let begun = initialize_with_threading(Threading::Serialized);
    let (universe, threading) = begun.ok_or_else(|| TrainError::Ranks("MPI was begun twice".to_string()))?;
    if threading < Threading::Serialized {
        return Err(TrainError::Ranks("this MPI does not allow threads".to_string()));
    }
    let world = universe.world();
    let ranks = MpiRanks { rank: world.rank() as usize, world: world.size() as usize };
    match announced() {
        Some(started) if started != ranks.world => Err(TrainError::Launcher { started, found: ranks.world }),
        _ => Ok((Session { _universe: universe }, ranks)),
    }
}

fn announced() -> Option<usize> {
    SIZES.iter().find_map(|name| std::env::var(name).ok()?.parse().ok())
}

/// Ends all ranks at once: the only way out of an error or a panic, since whoever leaves quietly is waited for.
pub fn abort(code: i32) -> ! {
    SimpleCommunicator::world().abort(code)
}

impl Ranks for MpiRanks {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world(&self) -> usize {
        self.world
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), TrainError> {
        sum(values);
        Ok(())
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), TrainError> {
        sum(values);
        Ok(())
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TrainError> {
        // The lengths first; then everyone sends as much as the longest.
        let world = SimpleCommunicator::world();
        let mut lengths = vec![0u64; self.world];
        world.all_gather_into(&(bytes.len() as u64), &mut lengths[..]);
        let longest = lengths.iter().copied().max().unwrap_or(0) as usize;
        let mut own = bytes.to_vec();
        own.resize(longest, 0);
        let mut all = vec![0u8; longest * self.world];
        if longest > 0 {
            world.all_gather_into(&own[..], &mut all[..]);
        }
        let part = |(rank, length): (usize, &u64)| all[rank * longest..][..*length as usize].to_vec();
        Ok(lengths.iter().enumerate().map(part).collect())
    }
}

fn sum<T: Equivalence + Copy>(values: &mut [T]) {
    // A communicator belongs to its thread, so it is asked for anew.
    let world = SimpleCommunicator::world();
    for bucket in values.chunks_mut(BUCKET) {
        let own = bucket.to_vec();
        world.all_reduce_into(&own[..], bucket, SystemOperation::sum());
    }
}
