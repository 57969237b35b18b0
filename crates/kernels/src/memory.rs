//! Memory aligned to cache lines, and an arena that several threads write at once.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::sync::Arc;

/// f32 in a cache line.
pub(crate) const LINE: usize = 16;

/// Bytes of a large page of memory.
const PAGE: usize = 2 << 20;
/// f32 of a chunk of weights, 16 MiB; what of it is never written takes no memory. An interpreter would write for minutes.
const CHUNK: usize = if cfg!(miri) { 1 << 10 } else { 2 * PAGE };

/// f32 that begin on a cache line, so that no load of a whole vector touches two.
///
/// What fills a large page begins on one and asks the system for such pages: a network reads all its weights once for an
/// image, and with pages of 4 KiB the processor would look up the address of five thousand of them.
pub(crate) struct Aligned {
    start: NonNull<f32>,
    len: usize,
}

// SAFETY: it owns its memory, as a `Vec<f32>` does.
unsafe impl Send for Aligned {}
// SAFETY: as above; a shared reference only reads.
unsafe impl Sync for Aligned {}

impl Default for Aligned {
    fn default() -> Self {
        Self { start: NonNull::dangling(), len: 0 }
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        if let Some(layout) = layout(self.len).filter(|layout| layout.size() > 0) {
            // SAFETY: allocated with this layout in `try_zeros`.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) }
        }
    }
}

/// Of this many f32; `None` where their bytes cannot be counted.
fn layout(len: usize) -> Option<Layout> {
    let bytes = len.checked_mul(4)?;
    Layout::from_size_align(bytes, if bytes < PAGE { 64 } else { PAGE }).ok()
}

/// Asks for large pages; whether there are any does not matter to anybody but the clock.
#[cfg(all(target_os = "linux", not(miri)))]
fn advise(start: *mut u8, bytes: usize) {
    if bytes >= PAGE {
        // SAFETY: the range is allocated, and this advice changes nothing in it.
        unsafe { libc::madvise(start.cast(), bytes, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn advise(_: *mut u8, _: usize) {}

impl Aligned {
    /// Memory that holds nothing yet; `None` where there is none.
    ///
    /// # Safety
    /// All of it is written before it is read or borrowed as a slice.
    unsafe fn uninitialised(len: usize) -> Option<Self> {
        if len == 0 {
            return Some(Self::default());
        }
        let layout = layout(len)?;
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { alloc(layout) })?;
        advise(start.as_ptr(), layout.size());
        Some(Self { start: start.cast(), len })
    }

    /// Zeros; `None` where there is no memory for them.
    pub fn try_zeros(len: usize) -> Option<Self> {
        // SAFETY: written at once.
        let memory = unsafe { Self::uninitialised(len) }?;
        // SAFETY: it has that length; all bits zero are 0.0.
        unsafe { memory.start.as_ptr().write_bytes(0, len) };
        Some(memory)
    }

    /// Zeros.
    pub fn zeros(len: usize) -> Self {
        Self::try_zeros(len).unwrap_or_else(|| match layout(len) {
            Some(layout) => handle_alloc_error(layout),
            None => handle_alloc_error(Layout::new::<f32>()),
        })
    }

    /// Makes it at least this long; what it held may be lost.
    pub fn reserve(&mut self, len: usize) {
        if len > self.len {
            *self = Self::default();
            *self = Self::zeros(len);
        }
    }

    /// As [`Self::reserve`]; false where there is no memory for that.
    pub fn try_reserve(&mut self, len: usize) -> bool {
        if len <= self.len {
            return true;
        }
        *self = Self::default();
        Self::try_zeros(len).map(|memory| *self = memory).is_some()
    }

    /// For [`Arena`].
    pub fn arena(&mut self) -> Arena<'_> {
        Arena::of(self)
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `len` initialised f32 that it owns; a dangling but aligned pointer where there are none.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

/// Numbers that are not changed any more: a part of a [`Store`]'s memory.
#[derive(Clone)]
pub(crate) struct Weights {
    chunk: Arc<Aligned>,
    range: Range<usize>,
}

impl Deref for Weights {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `Store::keep` has written this part, and nobody writes it again.
        unsafe {
            std::slice::from_raw_parts(self.chunk.start.as_ptr().add(self.range.start), self.range.len())
        }
    }
}

/// Puts the weights of a plan one behind the other into a few chunks of memory.
#[derive(Default)]
pub(crate) struct Store {
    chunk: Arc<Aligned>,
    used: usize,
}

impl Store {
    /// A part of this many zeros into which `fill` writes the numbers.
    pub fn keep(&mut self, len: usize, fill: impl FnOnce(&mut [f32])) -> Weights {
        let padded = len.next_multiple_of(LINE);
        if self.chunk.len - self.used < padded {
            let size = padded.max(CHUNK);
            // SAFETY: a chunk is never borrowed as a slice; of its parts only those that were written are.
            let chunk = unsafe { Aligned::uninitialised(size) }.unwrap_or_else(|| Aligned::zeros(size));
            *self = Self { chunk: Arc::new(chunk), used: 0 };
        }
        let range = self.used..self.used + len;
        // SAFETY: `used + padded` is within the chunk, and nobody has a reference to what lies beyond `used`.
        let part = unsafe {
            let start = self.chunk.start.as_ptr().add(self.used);
            start.write_bytes(0, len);
            std::slice::from_raw_parts_mut(start, len)
        };
        fill(part);
        self.used += padded;
        Weights { chunk: Arc::clone(&self.chunk), range }
    }
}

/// The bytes of some f32, whatever they stand for.
pub(crate) fn bytes(numbers: &[f32]) -> &[u8] {
    // SAFETY: the same memory, none of it uninitialised; bytes need no alignment.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// As [`bytes`], to write.
pub(crate) fn bytes_mut(numbers: &mut [f32]) -> &mut [u8] {
    // SAFETY: as in `bytes`, and the borrow is exclusive; any bytes are f32.
    unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), size_of_val(numbers)) }
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

    /// The address of the range's first number, for who writes only some of the range.
    ///
    /// # Panics
    /// If the range is not inside.
    ///
    /// # Safety
    /// While the address is used, nobody else reads or writes those numbers of the range that its user touches.
    pub unsafe fn start_of(self, range: Range<usize>) -> *mut f32 {
        assert!(range.start <= range.end && range.end <= self.len, "a part lies inside the arena");
        // SAFETY: inside (asserted).
        unsafe { self.start.add(range.start) }
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
    fn a_store_keeps_numbers_apart() {
        let mut store = Store::default();
        let kept: Vec<Weights> =
            [5, 0, CHUNK - 20, 17, CHUNK + 3].map(|len| store.keep(len, |out| out.fill(len as f32))).into();
        for (weights, len) in kept.iter().zip([5, 0, CHUNK - 20, 17, CHUNK + 3]) {
            assert_eq!(weights.len(), len);
            assert!(
                weights.iter().all(|&x| x == len as f32) && (weights.as_ptr() as usize).is_multiple_of(64)
            );
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "the interpreter ends where an allocator would say no")]
    fn memory_that_cannot_be_had_is_refused() {
        assert!(Aligned::try_zeros(usize::MAX / 2).is_none());
        assert!(Aligned::try_zeros(1 << 60).is_none());
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
