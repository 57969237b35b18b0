//! What `inspect` finds, in small data sets that are made to have everything wrong.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs};

use efficientnet_data::inspect::{NamedSource, Range, Report, Size, inspect, open_splits};
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

fn everything(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn names(parts: &[NamedSource]) -> Vec<(&str, usize)> {
    parts.iter().map(|part| (part.name.as_str(), part.source.len())).collect()
}

fn png(path: &Path, level: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(3, 2, Rgb([level; 3])).save_with_format(path, ImageFormat::Png).unwrap();
}

#[test]
fn folders_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    png(&root.join("train/cat/1.png"), 0);
    png(&root.join("train/dog/1.png"), 1);
    png(&root.join("val/dog/1.png"), 1);
    let parts = open_splits(root.to_str().unwrap(), None).unwrap();
    assert_eq!(names(&parts), [("train", 2), ("val", 1)]);
    let report = inspect(&parts, NonZeroUsize::MIN, &everything);
    assert_eq!(report.duplicates.len(), 1);
    assert!(report.duplicates[0].across_splits && !report.duplicates[0].across_classes);

    let parts = open_splits(root.join("train").to_str().unwrap(), None).unwrap();
    assert_eq!(names(&parts), [("", 2)]);
}

/// CIFAR-10's two parts lie in one folder; without the second file there is one.
#[test]
fn binaries_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    for (label, name) in
        ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
            .into_iter()
            .enumerate()
    {
        let record = [&[label as u8][..], &[label as u8; 3072]].concat();
        fs::write(folder.path().join(format!("{name}.bin")), record).unwrap();
    }
    let path = folder.path().to_str().unwrap();
    let parts = open_splits(path, None).unwrap();
    assert_eq!(names(&parts), [("train", 5), ("test", 1)]);
    let report = inspect(&parts, NonZeroUsize::MIN, &everything);
    assert_eq!((report.bytes, report.formats[0].format), (6 * 3072, "pixels"));
    assert_eq!(report.classes[5].images, [0, 1]);

    fs::remove_file(folder.path().join("test_batch.bin")).unwrap();
    assert_eq!(names(&open_splits(path, None).unwrap()), [("train", 5)]);
}

#[test]
fn the_built_in_data_set_and_what_is_none() {
    let parts = open_splits("shapes(images=20, size=32)", None).unwrap();
    assert_eq!(names(&parts), [("", 20)]);
    let report = inspect(&parts, NonZeroUsize::MIN, &everything);
    assert_eq!(report.classes.iter().map(|class| class.images[0]).sum::<u64>(), 20);
    assert!(open_splits("no/such/folder", None).is_err());
    let empty = tempfile::tempdir().unwrap();
    assert!(open_splits(empty.path().to_str().unwrap(), None).is_err());
}

/// The JPEG copies of CIFAR-10, where they are: in `EFFICIENTNET_ASSETS`, or beside the repository.
#[test]
fn cifar10_as_jpeg_files_in_a_tar() {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets");
    let assets = env::var_os("EFFICIENTNET_ASSETS").map_or_else(beside, PathBuf::from);
    let tar = assets.join("cifar10-small/test.tar");
    if !tar.is_file() {
        eprintln!("SKIPPED: no data; set EFFICIENTNET_ASSETS to the folder that has cifar10-small/test.tar");
        return;
    }
    let parts = open_splits(tar.to_str().unwrap(), None).unwrap();
    let report = inspect(&parts, NonZeroUsize::new(2).unwrap(), &everything);
    assert_eq!(report.classes.len(), 10);
    assert!(report.classes.iter().all(|class| class.images == [200]), "{:?}", report.classes);
    assert_eq!(report.formats.iter().map(|format| format.format).collect::<Vec<_>>(), ["JPEG"]);
    let only = Range { min: 32, median: 32, max: 32 };
    let sizes = report.sizes.unwrap();
    assert_eq!((sizes.width, sizes.height), (only, only));
    assert_eq!(report.broken, []);
    // CIFAR-10's own are 0.4942, 0.4851, 0.4504 on its test images; these are some of them.
    let levels = report.levels.unwrap();
    assert!((levels.mean[0] - 0.494).abs() < 0.01 && (levels.mean[2] - 0.450).abs() < 0.01, "{levels:?}");
}
