//! Memory aligned to cache lines, and an arena that several threads write at once.

use std::ops::{Deref, DerefMut, Range};

/// f32 in a cache line.
pub(crate) const LINE: usize = 16;

/// One cache line, for its alignment.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// A vector of f32 that begins on a cache line, so that no load of a whole vector touches two.
#[derive(Clone, Default)]
pub(crate) struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    /// Zeros.
    pub fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([0.0; LINE]); len.div_ceil(LINE)], len }
    }

    /// Makes it at least this long; what it held may be lost.
    pub fn reserve(&mut self, len: usize) {
        if len > self.len {
            *self = Self::default();
            *self = Self::zeros(len);
        }
    }

    /// Makes it at least this long, zeroed if it grows; false where there is no memory for that.
    pub fn try_reserve(&mut self, len: usize) -> bool {
        if len > self.len {
            *self = Self::default();
            let lines = len.div_ceil(LINE);
            if self.lines.try_reserve_exact(lines).is_err() {
                return false;
            }
            self.lines.resize(lines, Line([0.0; LINE]));
            self.len = len;
        }
        true
    }

    /// For [`Arena`].
    pub fn arena(&mut self) -> Arena<'_> {
        Arena::of(self)
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: the lines are `repr(C)` arrays without padding, one behind the other, and hold at least `len` f32.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// Memory of which several threads hold disjoint parts.
#[derive(Clone, Copy)]
pub(crate) struct Arena<'a> {
    start: *mut f32,
    len: usize,
    lifetime: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: it is a pointer and a length; what threads do with it, `part` and `part_mut` make their callers answer for.
unsafe impl Send for Arena<'_> {}
// SAFETY: as above.
unsafe impl Sync for Arena<'_> {}

impl<'a> Arena<'a> {
    /// Over this memory.
    pub fn of(memory: &'a mut [f32]) -> Self {
        Self { start: memory.as_mut_ptr(), len: memory.len(), lifetime: std::marker::PhantomData }
    }

    /// # Panics
    /// If the range is not inside.
    ///
    /// # Safety
    /// Nobody writes to the range while the slice lives.
    pub unsafe fn part(self, range: Range<usize>) -> &'a [f32] {
        assert!(range.start <= range.end && range.end <= self.len, "a part lies inside the arena");
        // SAFETY: inside (asserted) memory that lives and is exclusively ours for 'a; no writer by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(range.start), range.len()) }
    }

    /// # Panics
    /// If the range is not inside.
    ///
    /// # Safety
    /// Nobody else reads or writes the range while the slice lives.
    pub unsafe fn part_mut(self, range: Range<usize>) -> &'a mut [f32] {
        assert!(range.start <= range.end && range.end <= self.len, "a part lies inside the arena");
        // SAFETY: as in `part`, and exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_begins_on_a_line_and_grows() {
        let mut memory = Aligned::zeros(5);
        assert_eq!(&memory[..], [0.0; 5]);
        assert_eq!(memory.as_ptr() as usize % 64, 0);
        memory.reserve(100);
        assert_eq!((memory.len(), memory.as_ptr() as usize % 64), (100, 0));
    }

    #[test]
    fn parts_of_an_arena_are_apart() {
        let mut memory = Aligned::zeros(32);
        let arena = memory.arena();
        // SAFETY: the two ranges have no element in common.
        let (a, b) = unsafe { (arena.part_mut(0..16), arena.part_mut(16..32)) };
        a.fill(1.0);
        b.fill(2.0);
        assert_eq!((memory[15], memory[16]), (1.0, 2.0));
    }

    #[test]
    #[should_panic(expected = "inside the arena")]
    fn a_part_beyond_the_end_is_refused() {
        let mut memory = Aligned::zeros(8);
        // SAFETY: nobody else holds the arena.
        let _ = unsafe { memory.arena().part(4..9) };
    }
}
