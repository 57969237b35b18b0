//! Which instruction set, which thread, which scratch memory.

use std::cell::Cell;
use std::sync::OnceLock;

use rayon::prelude::*;

use crate::isa::Detected;
use crate::memory::Aligned;
use crate::simd::portable::Portable;
use crate::{Isa, PlanError};

thread_local! {
    /// What [`with_isa`] has chosen on this thread.
    static FORCED: Cell<Option<Isa>> = const { Cell::new(None) };
    /// Scratch memory of this thread, kept from call to call: the last is who asks first's.
    static SCRATCH: Cell<Vec<Aligned>> = const { Cell::new(Vec::new()) };
}

/// The instruction set of this thread's next call: [`with_isa`]'s, else the one that `EFFICIENTNET_ISA` names, else the
/// fastest of this processor. The variable is read once.
///
/// # Errors
/// Where the variable names none, or one that the processor lacks. The kernels, which cannot report that, take the fastest then:
/// a program asks here first.
pub fn isa() -> Result<Isa, PlanError> {
    static CHOSEN: OnceLock<Result<Isa, PlanError>> = OnceLock::new();
    FORCED.get().map_or_else(|| CHOSEN.get_or_init(Isa::chosen).clone(), Ok)
}

/// Does the work with the kernels that it calls, on this thread, running on this instruction set.
///
/// # Errors
/// Where the processor lacks it; the work is not begun then.
pub fn with_isa<R>(isa: Isa, work: impl FnOnce() -> R) -> Result<R, PlanError> {
    /// Takes the choice back, also when the work panics.
    struct Restored(Option<Isa>);
    impl Drop for Restored {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }
    isa.detect().ok_or(PlanError::IsaMissing(isa))?;
    let _restored = Restored(FORCED.replace(Some(isa)));
    Ok(work())
}

/// The proof of [`isa`].
pub(super) fn detected() -> Detected {
    let fastest = || Isa::available().last().and_then(|isa| isa.detect());
    isa().ok().and_then(Isa::detect).or_else(fastest).unwrap_or(Detected::Portable(Portable))
}

/// Below so many f32 read or multiply-adds, waking another thread takes longer than it saves. Who looks for mistakes in what threads
/// do together has less patience.
const WORTH_A_THREAD: usize = if cfg!(miri) { 1 << 8 } else { 1 << 15 };

/// Does tasks `0..tasks` on rayon's pool, or alone where all of it is `cost` f32 or multiply-adds only.
pub(super) fn for_each(tasks: usize, cost: usize, work: impl Fn(usize) + Send + Sync) {
    if tasks < 2 || cost < WORTH_A_THREAD || rayon::current_num_threads() == 1 {
        (0..tasks).for_each(work);
    } else {
        (0..tasks).into_par_iter().with_max_len(1).for_each(work);
    }
}

/// Memory of this thread, on loan: it begins on a cache line and holds anything.
///
/// A value and not a function that calls a closure: a closure has not the caller's instruction set.
pub(super) struct Scratch {
    memory: Aligned,
    len: usize,
}

impl Scratch {
    /// Of so many f32. Who asks again meanwhile gets other memory.
    pub fn of(len: usize) -> Self {
        let mut memories = SCRATCH.take();
        let mut memory = memories.pop().unwrap_or_default();
        SCRATCH.set(memories);
        memory.reserve(len);
        Self { memory, len }
    }

    pub fn slice(&mut self) -> &mut [f32] {
        &mut self.memory[..self.len]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut memories = SCRATCH.take();
        memories.push(std::mem::take(&mut self.memory));
        SCRATCH.set(memories);
    }
}
