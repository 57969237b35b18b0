//! Who fills the places of an epoch: worker threads ahead of the caller, or the caller itself.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::BytesMut;

use super::work::{Filled, Work};
use super::{Batch, LoaderError};

pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    work: Arc<Work>,
    /// Batches that may be finished or being filled at a time.
    ahead: usize,
    state: Mutex<State>,
    /// There is a place to fill, or no more work at all.
    to_fill: Condvar,
    /// The first batch is finished.
    finished: Condvar,
}

#[derive(Default)]
struct State {
    /// Batches that somebody began to fill.
    started: usize,
    /// Those of them that the caller has not had, in their order.
    batches: VecDeque<Filling>,
    stopped: bool,
}

/// A batch with some of its places filled.
struct Filling {
    batch: usize,
    /// Rooms that nobody has taken yet.
    rooms: VecDeque<(usize, BytesMut)>,
    filled: Vec<Option<Filled>>,
    missing: usize,
}

impl Pool {
    /// Begins to work ahead on as many threads as there are workers, or as the system gives.
    pub fn start(work: Arc<Work>, workers: usize) -> Self {
        let ahead = (work.options.prefetch_bytes / work.batch_bytes()).max(1);
        let shared = Arc::new(Shared {
            work,
            ahead,
            state: Mutex::default(),
            to_fill: Condvar::new(),
            finished: Condvar::new(),
        });
        let start = |worker| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("loader-{worker}")).spawn(move || shared.run()).ok()
        };
        // Without any thread the caller's does everything: slower, and the same batches.
        let threads = (0..workers).map_while(start).collect();
        Self { shared, threads }
    }

    /// A batch; each is to be asked for once, in their order.
    pub fn batch(&mut self, batch: usize) -> Result<Batch, LoaderError> {
        let work = &self.shared.work;
        let filled = match self.threads.is_empty() {
            true => {
                let rooms = work.room().into_iter().enumerate();
                rooms.map(|(slot, room)| work.fill(batch, slot, room)).collect()
            }
            false => self.shared.wait_for_first(),
        };
        work.finish(batch, filled)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.to_fill.notify_all();
        for thread in mem::take(&mut self.threads) {
            // A worker catches what a decoder throws; were it to panic all the same, there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// A worker's life.
    fn run(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let Some((batch, slot, room)) = state.take(&self.work, self.ahead) else {
                state = self.to_fill.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let filled = self.work.fill(batch, slot, room);
            state = self.lock();
            if state.put(batch, slot, filled) {
                self.finished.notify_one();
            }
        }
    }

    /// Waits until the first batch is finished, and takes it.
    fn wait_for_first(&self) -> Vec<Filled> {
        let missing = |state: &mut State| state.batches.front().is_none_or(|first| first.missing > 0);
        let mut state =
            self.finished.wait_while(self.lock(), missing).unwrap_or_else(PoisonError::into_inner);
        let first = state.batches.pop_front();
        self.to_fill.notify_all();
        first.into_iter().flat_map(|first| first.filled).flatten().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next place to fill: batch, slot and room.
    fn take(&mut self, work: &Work, ahead: usize) -> Option<(usize, usize, BytesMut)> {
        let open = self.batches.iter().position(|filling| !filling.rooms.is_empty());
        let open = match open {
            Some(open) => open,
            None if self.started < work.batches && self.batches.len() < ahead => {
                let rooms: VecDeque<_> = work.room().into_iter().enumerate().collect();
                let missing = rooms.len();
                let filled = (0..missing).map(|_| None).collect();
                self.batches.push_back(Filling { batch: self.started, rooms, filled, missing });
                self.started += 1;
                self.batches.len() - 1
            }
            None => return None,
        };
        let filling = &mut self.batches[open];
        let (slot, room) = filling.rooms.pop_front()?;
        Some((filling.batch, slot, room))
    }

    /// Keeps a place; whether the first batch is finished now.
    fn put(&mut self, batch: usize, slot: usize, filled: Filled) -> bool {
        let Some(index) = self.batches.iter().position(|filling| filling.batch == batch) else {
            return false;
        };
        let filling = &mut self.batches[index];
        filling.filled[slot] = Some(filled);
        filling.missing -= 1;
        index == 0 && filling.missing == 0
    }
}
