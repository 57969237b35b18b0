//! Memory that is used again in the next step.
//!
//! A step writes the same maps as the step before. Memory that goes back to the system comes again as pages of zeros, which the
//! system writes when each is first touched: at the sizes of a network that costs as much as a pass over all maps. So what a
//! gradient has used up is kept here by its length, as long as nobody else holds it, and given out again with
//! whatever is in it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::DType;

/// Shorter vectors are the allocator's, who is fast at them.
const SHORTEST: usize = 1 << 13;

/// A length that was not asked for during so many requests is forgotten, for instance after the images' size changed.
const FORGOTTEN: u64 = 4096;

#[derive(Default)]
struct Shelf {
    vectors: Vec<Vec<f32>>,
    /// How many were made anew: more than that many are never kept.
    made: usize,
    last_request: u64,
}

#[derive(Default)]
struct Pool {
    shelves: HashMap<usize, Shelf>,
    requests: u64,
}

static POOL: Mutex<Option<Pool>> = Mutex::new(None);

fn lock() -> MutexGuard<'static, Option<Pool>> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A vector of `length` numbers, whatever they are.
pub(crate) fn take(length: usize) -> Vec<f32> {
    if length < SHORTEST {
        return vec![0.0; length];
    }
    let kept = lock().get_or_insert_default().take(length);
    kept.unwrap_or_else(|| vec![0.0; length])
}

/// Keeps a tensor's memory, if nobody else holds it.
pub(crate) fn give(tensor: FlexTensor) {
    if tensor.dtype() != DType::F32
        || !tensor.is_unique()
        || tensor.bytes().len() < SHORTEST * size_of::<f32>()
    {
        return;
    }
    // The whole memory, whatever part of it the tensor saw.
    let length = tensor.bytes().len() / size_of::<f32>();
    if length != tensor.shape().num_elements() {
        return;
    }
    let (bytes, ..) = tensor.into_data().into_parts();
    if let Ok(vector) = bytes.try_into_vec::<f32>() {
        lock().get_or_insert_default().give(vector);
    }
}

impl Pool {
    fn take(&mut self, length: usize) -> Option<Vec<f32>> {
        self.requests += 1;
        let now = self.requests;
        if now.is_multiple_of(FORGOTTEN) {
            self.shelves.retain(|_, shelf| now - shelf.last_request < FORGOTTEN);
        }
        let shelf = self.shelves.entry(length).or_default();
        shelf.last_request = now;
        let kept = shelf.vectors.pop();
        shelf.made += usize::from(kept.is_none());
        kept
    }

    fn give(&mut self, vector: Vec<f32>) {
        if let Some(shelf) = self.shelves.get_mut(&vector.len())
            && shelf.vectors.len() < shelf.made
        {
            shelf.vectors.push(vector);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_is_taken_again() {
        let mut pool = Pool::default();
        assert!(pool.take(9).is_none());
        pool.give(vec![1.0; 9]);
        assert_eq!(pool.take(9), Some(vec![1.0; 9]));
        assert!(pool.take(9).is_none());
    }

    #[test]
    fn no_more_is_kept_than_was_ever_asked_for() {
        let mut pool = Pool::default();
        pool.give(vec![1.0; 9]);
        assert!(pool.take(9).is_none());
        pool.give(vec![1.0; 9]);
        pool.give(vec![2.0; 9]);
        assert_eq!(pool.shelves[&9].vectors.len(), 1);
    }

    #[test]
    fn a_length_of_earlier_is_forgotten() {
        let mut pool = Pool::default();
        assert!(pool.take(9).is_none());
        pool.give(vec![1.0; 9]);
        for _ in 0..2 * FORGOTTEN {
            pool.take(10);
        }
        assert!(!pool.shelves.contains_key(&9));
    }
}
