//! A decoder that gives up must not take the program with it.

use std::panic::{self, AssertUnwindSafe};

use super::Failure;

/// What `decode` returns; a panic of a decoder, to which a damaged file can bring the best of them, is damage too.
///
/// Nothing that it leaves half done is used again. The fuzz target `image` tells such panics from those of this crate,
/// which are mistakes; its README has a list.
pub fn guarded<T>(decode: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let gave_up = |_| Err(Failure::Damaged("the decoder gave up on it".to_string()));
    panic::catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(gave_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_damage() {
        let found = guarded::<()>(|| panic!("an index out of bounds, say"));
        assert!(matches!(found, Err(Failure::Damaged(reason)) if reason == "the decoder gave up on it"));
        assert!(matches!(guarded(|| Ok(7)), Ok(7)));
    }
}
