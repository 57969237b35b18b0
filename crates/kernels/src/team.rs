//! Threads that work on one run together.
//!
//! A network has a hundred steps of a few dozen microseconds, so a team is woken once for a run and not once for a step:
//! every thread goes through all steps and meets the others at a [`Barrier`] in between. A thread that waits spins for a
//! few microseconds, then sleeps; between runs nobody spins for longer than that. The caller's thread is one of the team.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Looks at a flag before sleeping: about 20 us.
const SPINS: usize = 1 << 10;

/// A number that grows, and on which threads wait.
#[derive(Default)]
struct Epoch {
    value: AtomicUsize,
    sleepers: AtomicUsize,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Epoch {
    /// Returns as soon as the value is not `seen` any more.
    fn wait(&self, seen: usize) {
        for _ in 0..SPINS {
            if self.value.load(Ordering::Acquire) != seen {
                return;
            }
            std::hint::spin_loop();
        }
        let mut guard = locked(&self.lock);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while self.value.load(Ordering::SeqCst) == seen {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Grows the value. Whoever then sleeps has counted itself before it looked at the value for the last time, so either
    /// it saw the new one or it is counted here.
    fn advance(&self) {
        self.value.fetch_add(1, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(locked(&self.lock));
            self.wake.notify_all();
        }
    }

    fn get(&self) -> usize {
        self.value.load(Ordering::Acquire)
    }
}

/// There is nothing behind these locks that a panic could leave half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All threads of a team wait here for the last one.
pub(crate) struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
    epoch: Epoch,
    broken: AtomicBool,
}

impl Barrier {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            epoch: Epoch::default(),
            broken: AtomicBool::new(false),
        }
    }

    /// Returns when all threads have come. What each wrote before, all see afterwards.
    ///
    /// # Panics
    /// If another thread of the team has panicked: it will never come.
    pub fn wait(&self) {
        if self.threads == 1 {
            return;
        }
        let epoch = self.epoch.get();
        assert!(!self.broken.load(Ordering::SeqCst), "another thread of the team panicked");
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Relaxed);
            self.epoch.advance();
        } else {
            self.epoch.wait(epoch);
        }
        assert!(!self.broken.load(Ordering::SeqCst), "another thread of the team panicked");
    }

    /// Lets everybody go.
    fn shatter(&self) {
        self.broken.store(true, Ordering::SeqCst);
        self.epoch.advance();
    }
}

/// What a team does: each thread calls it with its number.
type Job<'a> = dyn Fn(usize) + Sync + 'a;

/// A pointer to the job of the moment.
#[derive(Clone, Copy)]
struct JobPointer(*const Job<'static>);

// SAFETY: the job is `Sync`, so its address may be used from any thread; `Team::run` keeps it alive.
unsafe impl Send for JobPointer {}

struct Shared {
    job: Mutex<Option<JobPointer>>,
    start: Epoch,
    done: Epoch,
    running: AtomicUsize,
    failed: AtomicBool,
    barrier: Arc<Barrier>,
}

/// The caller's thread and some of its own.
pub(crate) struct Team {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Team {
    /// A team of this many, the caller included.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let threads = threads.max(1);
        let shared = Arc::new(Shared {
            job: Mutex::new(None),
            start: Epoch::default(),
            done: Epoch::default(),
            running: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            barrier: Arc::new(Barrier::new(threads)),
        });
        let mut team = Self { shared, workers: Vec::new() };
        for thread in 1..threads {
            let shared = Arc::clone(&team.shared);
            let builder = std::thread::Builder::new().name(format!("kernels-{thread}"));
            team.workers.push(builder.spawn(move || work(&shared, thread))?);
        }
        Ok(team)
    }

    /// How many.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Where they meet during a job.
    pub fn barrier(&self) -> Arc<Barrier> {
        Arc::clone(&self.shared.barrier)
    }

    /// Every thread runs the job once with its number; returns when all have.
    ///
    /// # Panics
    /// If the job panics on any thread. The team is of no use after that.
    pub fn run(&mut self, job: &Job<'_>) {
        if self.workers.is_empty() {
            return job(0);
        }
        let done = self.shared.done.get();
        // SAFETY: only the lifetime changes. The pointer is taken back below, after every worker has reported that it is
        // done with it, and nothing in between returns or unwinds past this function.
        let pointer = unsafe { std::mem::transmute::<*const Job<'_>, *const Job<'static>>(job) };
        *locked(&self.shared.job) = Some(JobPointer(pointer));
        self.shared.running.store(self.workers.len(), Ordering::SeqCst);
        self.shared.start.advance();
        let own = catch_unwind(AssertUnwindSafe(|| job(0)));
        if own.is_err() {
            self.shared.barrier.shatter();
        }
        while self.shared.running.load(Ordering::SeqCst) > 0 {
            self.shared.done.wait(done);
        }
        *locked(&self.shared.job) = None;
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        assert!(!self.shared.failed.load(Ordering::SeqCst), "a thread of the team panicked");
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        *locked(&self.shared.job) = None;
        self.shared.start.advance();
        for worker in self.workers.drain(..) {
            // A worker's panic was reported by the run in which it happened.
            let _ = worker.join();
        }
    }
}

/// A worker's life: wait for a job, do it, say so; without one, end.
fn work(shared: &Shared, thread: usize) {
    let mut seen = 0;
    loop {
        shared.start.wait(seen);
        seen += 1;
        let Some(JobPointer(job)) = *locked(&shared.job) else { return };
        // SAFETY: `Team::run` keeps the job alive until `running` is 0, which this thread counts down only afterwards.
        let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { (*job)(thread) }));
        if outcome.is_err() {
            shared.failed.store(true, Ordering::SeqCst);
            shared.barrier.shatter();
        }
        if shared.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            shared.done.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_meet_at_every_barrier() {
        for threads in [1, 2, 3, 5] {
            let mut team = Team::new(threads).unwrap();
            let steps: Vec<AtomicUsize> = (0..200).map(|_| AtomicUsize::new(0)).collect();
            for _ in 0..3 {
                let barrier = Arc::clone(&team.shared);
                team.run(&|_| {
                    for step in &steps {
                        let before = step.fetch_add(1, Ordering::Relaxed);
                        barrier.barrier.wait();
                        assert!(step.load(Ordering::Relaxed) / threads > before / threads);
                    }
                });
            }
            assert!(steps.iter().all(|step| step.load(Ordering::Relaxed) == 3 * threads));
        }
    }

    #[test]
    fn a_sleeping_team_wakes_up() {
        let mut team = Team::new(2).unwrap();
        let count = AtomicUsize::new(0);
        for _ in 0..5 {
            std::thread::sleep(std::time::Duration::from_millis(3));
            team.run(&|_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(count.load(Ordering::Relaxed), 10);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_hangs_nobody() {
        for bad in [0, 1] {
            let mut team = Team::new(2).unwrap();
            let shared = Arc::clone(&team.shared);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                team.run(&|thread| {
                    assert!(thread != bad, "as intended");
                    shared.barrier.wait();
                });
            }));
            assert!(outcome.is_err());
        }
    }
}
