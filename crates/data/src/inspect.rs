//! What is in a data set: counted, measured, and held against itself.
//!
//! Every image is decoded once, at its full size. Mean and standard deviation come from whole sums, so they are exact and
//! the same for any number of threads. Two images are duplicates where their files are the same, byte for byte; files
//! are told apart by 128 bits of their SHA-256.

mod gather;
mod sizes;
mod splits;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

use crate::source::Source;

pub use sizes::{Range, Size, Sizes};
pub use splits::open_splits;

/// A part of a data set with its name.
#[derive(Debug, Clone)]
pub struct NamedSource {
    /// `train`; empty where there is only one part.
    pub name: String,
    /// Its samples.
    pub source: Arc<dyn Source>,
}

/// What was found in a data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The parts, in the order they were given.
    pub splits: Vec<SplitReport>,
    /// The classes, in the order of the first part that has them.
    pub classes: Vec<ClassReport>,
    /// Images that were looked at, readable or not.
    pub images: u64,
    /// Bytes of their files, or of their pixels where the source has no files.
    pub bytes: u64,
    /// Sizes in pixels; none where no image is readable.
    pub sizes: Option<Sizes>,
    /// Formats by content, the most frequent first.
    pub formats: Vec<FormatReport>,
    /// Mean and standard deviation of every pixel of the readable images; none where there is no such image.
    pub levels: Option<Levels>,
    /// Images that cannot be read, in order.
    pub broken: Vec<Broken>,
    /// Images that are the same as another, in groups.
    pub duplicates: Vec<Duplicates>,
    /// False where the inspection was stopped: the figures are of the images until then.
    pub complete: bool,
}

/// One part of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitReport {
    /// Its name.
    pub name: String,
    /// How many images it lists.
    pub images: u64,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassReport {
    /// Its name.
    pub name: String,
    /// Its images in every part.
    pub images: Vec<u64>,
}

/// One format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormatReport {
    /// Its name: `JPEG`; `pixels` where the source has no files.
    pub format: &'static str,
    /// How many images have it.
    pub images: u64,
}

/// Mean and standard deviation of the levels, black 0 and white 1, of red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Levels {
    /// Mean.
    pub mean: [f64; 3],
    /// Standard deviation over all pixels, not over images' means.
    pub std: [f64; 3],
    /// How many pixels these are.
    pub pixels: u64,
}

/// An image that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The part that it is in.
    pub split: String,
    /// What it is called there.
    pub key: String,
    /// The sentence that says why.
    pub reason: String,
}

/// Images with the same content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// All of them, in order; at least two.
    pub images: Vec<Duplicate>,
    /// Whether they are in different parts: such a test measures memory.
    pub across_splits: bool,
    /// Whether they have different classes: at most one of them can be right.
    pub across_classes: bool,
}

/// One of several images with the same content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// The part that it is in.
    pub split: String,
    /// What it is called there.
    pub key: String,
    /// The name of its class.
    pub class: String,
}

/// Looks at every image on `threads` threads.
///
/// `watch` is told, from any of them, how many images are done; where it breaks, the inspection ends early, and the
/// report says so.
pub fn inspect(
    parts: &[NamedSource],
    threads: NonZeroUsize,
    watch: &(dyn Fn(u64) -> ControlFlow<()> + Sync),
) -> Report {
    let found = gather::gather(parts, threads, watch);
    let total: u64 = parts.iter().map(|part| part.source.len() as u64).sum();
    Report {
        splits: parts
            .iter()
            .map(|part| SplitReport { name: part.name.clone(), images: part.source.len() as u64 })
            .collect(),
        classes: classes(parts),
        complete: found.images == total,
        images: found.images,
        bytes: found.bytes,
        sizes: sizes::of(&found.sizes),
        formats: formats(&found.formats),
        levels: found.sums.levels(),
        broken: broken(parts, &found.broken),
        duplicates: duplicates(parts, found.hashes),
    }
}

impl Report {
    /// How many images are the same as one before them.
    pub fn superfluous(&self) -> usize {
        self.duplicates.iter().map(|group| group.images.len() - 1).sum()
    }
}

/// Counted from the labels alone, so that broken images count and stopping early changes nothing.
fn classes(parts: &[NamedSource]) -> Vec<ClassReport> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut classes: Vec<ClassReport> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let names = part.source.classes();
        let here: Vec<usize> = names
            .iter()
            .map(|name| {
                *places.entry(name).or_insert_with(|| {
                    classes.push(ClassReport { name: name.clone(), images: vec![0; parts.len()] });
                    classes.len() - 1
                })
            })
            .collect();
        for sample in 0..part.source.len() {
            classes[here[part.source.class(sample)]].images[index] += 1;
        }
    }
    classes
}

fn formats(counts: &HashMap<&'static str, u64>) -> Vec<FormatReport> {
    let mut formats: Vec<FormatReport> =
        counts.iter().map(|(format, images)| FormatReport { format, images: *images }).collect();
    formats.sort_by(|a, b| b.images.cmp(&a.images).then(a.format.cmp(b.format)));
    formats
}

/// A sample's place: part and index.
type Place = (u32, u32);

fn source(parts: &[NamedSource], place: Place) -> (&NamedSource, usize) {
    (&parts[place.0 as usize], place.1 as usize)
}

fn broken(parts: &[NamedSource], found: &[(Place, String)]) -> Vec<Broken> {
    let broken = found.iter().map(|(place, reason)| {
        let (part, index) = source(parts, *place);
        Broken { split: part.name.clone(), key: part.source.key(index).into_owned(), reason: reason.clone() }
    });
    broken.collect()
}

fn duplicates(parts: &[NamedSource], mut hashes: Vec<(u128, Place)>) -> Vec<Duplicates> {
    hashes.sort_unstable();
    let same = hashes.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1);
    let mut groups: Vec<Vec<Place>> =
        same.map(|group| group.iter().map(|(_, place)| *place).collect()).collect();
    groups.sort_unstable();
    groups.iter().map(|group| duplicate(parts, group)).collect()
}

fn duplicate(parts: &[NamedSource], group: &[Place]) -> Duplicates {
    let images: Vec<Duplicate> = group
        .iter()
        .map(|place| {
            let (part, index) = source(parts, *place);
            Duplicate {
                split: part.name.clone(),
                key: part.source.key(index).into_owned(),
                class: part.source.classes()[part.source.class(index)].clone(),
            }
        })
        .collect();
    Duplicates {
        across_splits: group.iter().any(|place| place.0 != group[0].0),
        across_classes: images.iter().any(|image| image.class != images[0].class),
        images,
    }
}
