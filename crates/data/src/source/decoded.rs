//! Images that are decoded once and kept as pixels: for several runs over the same images, as in a search.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::decode::DecodeOptions;
use crate::image::RgbImage8;
use crate::source::{Content, Source, SourceError};

/// So many bytes of pixels, shared by all sources that are given it.
#[derive(Debug)]
pub struct Room {
    left: AtomicU64,
}

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self { left: AtomicU64::new(bytes) })
    }

    /// Bytes that nobody has taken yet.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Takes a part of it, or nothing.
    fn take(&self, bytes: u64) -> bool {
        let less = |left: u64| left.checked_sub(bytes);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// A source whose images are decoded when they are first asked for, and kept as pixels from then on, as long as there is
/// room; whatever does not fit is read anew each time.
///
/// Batches are the same, bit for bit, as without it, for transforms that decode as it does: with the same `exif` and without
/// `scaled`, by which a file is decoded at a size that depends on the transform ([`Transform::decoding`](crate::Transform::decoding)
/// says how it does).
pub struct Decoded {
    source: Arc<dyn Source>,
    exif: bool,
    room: Arc<Room>,
    /// Filled at the first reading: the pixels, or nothing where they are not kept.
    images: Vec<OnceLock<Option<RgbImage8>>>,
}

impl Decoded {
    /// The images of `source`, turned as their EXIF orientation says or not, kept within `room`.
    pub fn new(source: Arc<dyn Source>, exif: bool, room: Arc<Room>) -> Self {
        let images = (0..source.len()).map(|_| OnceLock::new()).collect();
        Self { source, exif, room, images }
    }

    /// Images that are kept so far.
    pub fn kept(&self) -> usize {
        self.images.iter().filter(|image| matches!(image.get(), Some(Some(_)))).count()
    }

    /// A sample, decoded. What does not decode is handed on as it is, so that the error is the same as without us.
    fn decode(&self, index: usize) -> Result<Content, SourceError> {
        let content = self.source.read(index)?;
        let Content::File(bytes) = &content else { return Ok(content) };
        let options = DecodeOptions { exif: self.exif, scaled: false };
        let decoded = options.decode_bytes(bytes, &self.source.key(index));
        Ok(decoded.map_or(content, Content::Pixels))
    }
}

impl Source for Decoded {
    fn len(&self) -> usize {
        self.source.len()
    }

    fn classes(&self) -> &[String] {
        self.source.classes()
    }

    fn class(&self, index: usize) -> usize {
        self.source.class(index)
    }

    fn key(&self, index: usize) -> Cow<'_, str> {
        self.source.key(index)
    }

    fn read(&self, index: usize) -> Result<Content, SourceError> {
        // What was read to fill the place, where it is not kept.
        let mut passed = None;
        // Another thread that asks for the same sample waits here.
        let kept = self.images[index].get_or_init(|| match self.decode(index) {
            Ok(Content::Pixels(image)) if self.room.take(image.pixels().len() as u64) => Some(image),
            other => {
                passed = Some(other);
                None
            }
        });
        match (kept, passed) {
            (Some(image), _) => Ok(Content::Pixels(image.clone())),
            (None, Some(read)) => read,
            (None, None) => self.source.read(index),
        }
    }
}

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoded({} of {:?})", self.kept(), self.source)
    }
}
