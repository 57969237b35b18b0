//! How fast memory is read: the same numbers over and over, from sets of many sizes.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::PlanError;
use crate::isa::Detected;
use crate::memory::{Aligned, LINE};
use crate::roofline::Reading;
use crate::simd::{Simd, Task};
use crate::team::Team;

/// A part of any first cache.
const SMALLEST: usize = 16 << 10;
/// Far beyond any last one.
const LARGEST: usize = 256 << 20;
/// Bytes that are read between two looks at the clock.
const SAMPLE: usize = 32 << 20;
/// For each size.
const LEAST_SAMPLES: usize = 3;
const SECONDS: f64 = 0.05;
/// Vectors that are summed apart, so that no addition waits for the one before.
const SUMS: usize = 6;

/// The best of several samples of each size, from small to large; all threads read, each a part of its own.
pub(crate) fn readings(detected: Detected, threads: usize) -> Result<Vec<Reading>, PlanError> {
    let mut memory = Aligned::try_zeros(LARGEST / 4).ok_or(PlanError::Memory { bytes: LARGEST })?;
    // The system gives zeros without memory behind them; these are written.
    memory.fill(1.0);
    let mut team = Team::new(threads).map_err(|error| PlanError::Thread(error.to_string()))?;
    let sizes = std::iter::successors(Some(SMALLEST), |size| Some(size * 2).filter(|&size| size <= LARGEST));
    Ok(sizes.map(|bytes| reading(detected, &mut team, &memory[..bytes / 4])).collect())
}

fn reading(detected: Detected, team: &mut Team, set: &[f32]) -> Reading {
    let threads = team.threads();
    let share = (set.len() / threads / LINE).max(1) * LINE;
    let passes = (SAMPLE / (4 * set.len())).max(1);
    let mut best = Duration::MAX;
    let (start, mut samples) = (Instant::now(), 0);
    while samples < LEAST_SAMPLES || start.elapsed().as_secs_f64() < SECONDS {
        best = best.min(sample(detected, team, set, share, passes));
        samples += 1;
    }
    let read = (4 * share * threads * passes) as f64;
    Reading { bytes: 4 * set.len(), gigabytes: 1e-9 * read / best.as_secs_f64().max(1e-9) }
}

/// From when the first thread begins, all of them being there, to when the last is done.
fn sample(detected: Detected, team: &mut Team, set: &[f32], share: usize, passes: usize) -> Duration {
    let barrier = team.barrier();
    let (origin, span) = (Instant::now(), Mutex::new((Duration::MAX, Duration::ZERO)));
    team.run(&|thread| {
        let first = (thread * share).min(set.len() - share);
        let read = Inside(Read { set: &set[first..first + share], passes });
        barrier.wait();
        let start = origin.elapsed();
        black_box(detected.dispatch(read));
        let end = origin.elapsed();
        let mut span = span.lock().unwrap_or_else(PoisonError::into_inner);
        *span = (span.0.min(start), span.1.max(end));
    });
    let (start, end) = span.into_inner().unwrap_or_else(PoisonError::into_inner);
    end.saturating_sub(start)
}

/// The sum of a set, several times.
struct Read<'a> {
    set: &'a [f32],
    passes: usize,
}

impl Task for Read<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut sums = [s.splat(0.0); SUMS];
        for _ in 0..self.passes {
            let chunks = black_box(self.set).chunks_exact(SUMS * S::LANES);
            let rest = chunks.remainder();
            for chunk in chunks {
                for (vector, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: the chunk has that many vectors.
                    *sum = s.add(*sum, unsafe { s.load(chunk.as_ptr().add(vector * S::LANES)) });
                }
            }
            for (vector, sum) in rest.chunks_exact(S::LANES).zip(&mut sums) {
                // SAFETY: a vector's worth.
                *sum = s.add(*sum, unsafe { s.load(vector.as_ptr()) });
            }
        }
        let sum = sums.into_iter().reduce(|a, b| s.add(a, b));
        sum.map_or(0.0, |sum| s.sum(sum))
    }
}

/// Work that is all inside an instruction set.
struct Inside<T>(T);

impl<T: Task> Task for Inside<T> {
    type Output = T::Output;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> T::Output {
        s.enter(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Isa;

    #[test]
    fn every_number_is_read_once_in_a_pass() {
        let mut set = Aligned::zeros(LINE * 21);
        set.fill(1.0);
        for isa in Isa::available() {
            let detected = isa.detect().expect("it is available");
            for len in [0, LINE, 5 * LINE, 21 * LINE] {
                let read = Read { set: &set[..len], passes: 3 };
                assert_eq!(detected.dispatch(Inside(read)), 3.0 * len as f32, "{isa} {len}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "it reads 32 MiB at a time")]
    fn a_reading_is_a_speed() {
        let set = Aligned::zeros(SMALLEST / 4);
        for (isa, threads) in Isa::available().into_iter().zip([1, 2, 3]) {
            let mut team = Team::new(threads).expect("threads");
            let reading = reading(isa.detect().expect("it is available"), &mut team, &set);
            assert!(reading.gigabytes > 0.0 && reading.gigabytes.is_finite(), "{isa}: {reading:?}");
            assert_eq!(reading.bytes, SMALLEST);
        }
    }
}
