//! What `inspect` finds, in small data sets that are made to have everything wrong.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use efficientnet_data::inspect::{NamedSource, Range, Report, Size, inspect};
use efficientnet_data::{Content, RgbImage8, Source, SourceError};
use image::{ImageFormat, Rgb, RgbImage};

/// Files in memory: class, name, content; no content where it cannot be read.
#[derive(Debug)]
struct Memory {
    classes: Vec<String>,
    samples: Vec<(usize, &'static str, Option<Content>)>,
}

impl Source for Memory {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, index: usize) -> usize {
        self.samples[index].0
    }

    fn key(&self, index: usize) -> Cow<'_, str> {
        Cow::Borrowed(self.samples[index].1)
    }

    fn read(&self, index: usize) -> Result<Content, SourceError> {
        let missing = || SourceError::Read {
            name: self.samples[index].1.to_string(),
            source: std::io::ErrorKind::NotFound.into(),
        };
        self.samples[index].2.clone().ok_or_else(missing)
    }
}

fn part(name: &str, classes: &[&str], samples: Vec<(usize, &'static str, Option<Content>)>) -> NamedSource {
    let classes = classes.iter().map(ToString::to_string).collect();
    NamedSource { name: name.to_string(), source: Arc::new(Memory { classes, samples }) }
}

fn encoded(width: u32, height: u32, level: u8, format: ImageFormat) -> Option<Content> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(width, height, Rgb([level, 0, 255])).write_to(&mut bytes, format).unwrap();
    Some(Content::File(bytes.into_inner()))
}

fn cut(content: Option<Content>) -> Option<Content> {
    let Some(Content::File(bytes)) = content else { panic!("not a file") };
    Some(Content::File(bytes[..bytes.len() / 2].to_vec()))
}

fn data() -> [NamedSource; 2] {
    use ImageFormat::{Bmp, Png};
    let train = vec![
        (0, "cat/1.png", encoded(4, 2, 0, Png)),
        (0, "cat/2.bmp", encoded(4, 2, 255, Bmp)),
        (0, "cat/again.png", encoded(4, 2, 0, Png)),
        (1, "dog/1.png", encoded(8, 16, 100, Png)),
        (1, "dog/cut.png", cut(encoded(64, 64, 9, Png))),
        (1, "dog/gone.png", None),
        (1, "dog/notes.txt", Some(Content::File(b"no image".to_vec()))),
    ];
    let test = vec![
        (0, "dog/cat.png", encoded(4, 2, 0, Png)),
        (1, "emu/1.png", encoded(8, 16, 100, Png)),
        (1, "emu/drawn", Some(Content::Pixels(RgbImage8::filled(1, 1, [255, 255, 255])))),
    ];
    [part("train", &["cat", "dog"], train), part("test", &["dog", "emu", "fox"], test)]
}

fn report(threads: usize) -> Report {
    inspect(&data(), NonZeroUsize::new(threads).unwrap(), &|_| ControlFlow::Continue(()))
}

#[test]
fn everything_is_counted() {
    let report = report(1);
    assert!(report.complete);
    assert_eq!(report.images, 10);
    let splits: Vec<_> = report.splits.iter().map(|split| (split.name.as_str(), split.images)).collect();
    assert_eq!(splits, [("train", 7), ("test", 3)]);
    let classes: Vec<_> =
        report.classes.iter().map(|class| (class.name.as_str(), class.images.as_slice())).collect();
    assert_eq!(classes, [("cat", &[3, 0][..]), ("dog", &[4, 1]), ("emu", &[0, 2]), ("fox", &[0, 0])]);
    let formats: Vec<_> = report.formats.iter().map(|format| (format.format, format.images)).collect();
    assert_eq!(formats, [("PNG", 6), ("BMP", 1), ("pixels", 1)]);

    let sizes = report.sizes.unwrap();
    assert_eq!(sizes.width, Range { min: 1, median: 4, max: 8 });
    assert_eq!(sizes.height, Range { min: 1, median: 2, max: 16 });
    assert_eq!(sizes.frequent[0], Size { width: 4, height: 2, images: 4 });
    assert_eq!(sizes.different, 3);
}

#[test]
fn broken_images_are_named_with_the_reason() {
    let report = report(2);
    let broken: Vec<_> = report.broken.iter().map(|broken| (broken.key.as_str(), &broken.reason)).collect();
    let (keys, reasons): (Vec<_>, Vec<_>) = broken.into_iter().unzip();
    assert_eq!(keys, ["dog/cut.png", "dog/gone.png", "dog/notes.txt"]);
    assert!(reasons[0].starts_with("dog/cut.png is a damaged PNG file ("), "{}", reasons[0]);
    assert!(reasons[1].starts_with("dog/gone.png cannot be read: "), "{}", reasons[1]);
    assert!(reasons[2].starts_with("dog/notes.txt is not an image: "), "{}", reasons[2]);
}

#[test]
fn duplicates_within_and_across() {
    let report = report(3);
    let groups: Vec<Vec<&str>> = report
        .duplicates
        .iter()
        .map(|group| group.images.iter().map(|image| image.key.as_str()).collect())
        .collect();
    assert_eq!(groups, [vec!["cat/1.png", "cat/again.png", "dog/cat.png"], vec!["dog/1.png", "emu/1.png"]]);
    assert!(report.duplicates.iter().all(|group| group.across_splits && group.across_classes));
    assert_eq!(report.superfluous(), 3);

    let [train, _] = data();
    let alone = inspect(&[train], NonZeroUsize::MIN, &|_| ControlFlow::Continue(()));
    assert_eq!(alone.duplicates.len(), 1);
    assert!(!alone.duplicates[0].across_splits && !alone.duplicates[0].across_classes);
}

/// Against a computation apart: 4 x 2 pixels thrice with red 0 and once with 255, 8 x 16 twice with 100, one white one.
#[test]
fn mean_and_deviation_are_of_all_pixels() {
    let levels = report(2).levels.unwrap();
    assert_eq!(levels.pixels, 3 * 8 + 8 + 2 * 128 + 1);
    let red = [vec![0.0; 24], vec![1.0; 8 + 1], vec![100.0 / 255.0; 256]].concat();
    let mean = red.iter().sum::<f64>() / 289.0;
    let variance = red.iter().map(|level| (level - mean).powi(2)).sum::<f64>() / 289.0;
    assert!((levels.mean[0] - mean).abs() < 1e-12 && (levels.std[0] - variance.sqrt()).abs() < 1e-12);
    assert_eq!((levels.mean[2], levels.std[2]), (1.0, 0.0));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    assert_eq!(report(1), report(4));
}

#[test]
fn stopped_early() {
    let seen = AtomicU64::new(0);
    let report = inspect(&data(), NonZeroUsize::MIN, &|done| {
        seen.store(done, Ordering::Relaxed);
        if done == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(seen.into_inner(), 4);
    assert_eq!((report.complete, report.images), (false, 4));
    assert_eq!(report.levels.unwrap().pixels, 3 * 8 + 128);
}
