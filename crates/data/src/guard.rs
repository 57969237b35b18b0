//! A decoder that gives up must not take the program with it.
//!
//! A damaged file can bring the best of them to panic. Such a panic is caught and becomes an error like others; nothing
//! that the decoder leaves half done is used again.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// What `run` returns, or the first line of what it panicked with.
pub fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    DEPTH.set(DEPTH.get() + 1);
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    DEPTH.set(DEPTH.get() - 1);
    outcome.map_err(|words| first_line(&*words))
}

/// Whether a panic on this thread will be caught and become an error: a panic hook has nothing to say about it.
pub fn catches_panics() -> bool {
    DEPTH.get() > 0
}

fn first_line(words: &(dyn Any + Send)) -> String {
    let words = words.downcast_ref::<String>().map(String::as_str).or(words.downcast_ref::<&str>().copied());
    words.unwrap_or("without a word").lines().next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_words() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(guarded::<()>(|| panic!("out of bounds\nby {}", 3)), Err("out of bounds".to_string()));
    }

    #[test]
    fn a_hook_can_ask() {
        assert!(!catches_panics());
        assert_eq!(guarded(catches_panics), Ok(true));
        assert!(guarded(|| guarded::<()>(|| panic!("inside")).is_err() && catches_panics()).unwrap());
        assert!(guarded::<()>(|| panic!("and out")).is_err());
        assert!(!catches_panics());
    }
}
