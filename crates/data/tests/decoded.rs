//! What is decoded once and kept gives the same batches as what is read and decoded each time.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use efficientnet_data::{
    Content, Decoded, Loader, LoaderOptions, OnError, Order, RgbImage8, Room, Source, SourceError,
};

/// Image files in memory, and how often each was read.
#[derive(Debug)]
struct Files {
    files: Vec<(String, Vec<u8>)>,
    classes: Vec<String>,
    reads: Vec<AtomicUsize>,
}

impl Files {
    /// The fixtures of one folder, by name.
    fn of(folder: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let mut files: Vec<_> = entries.map(|path| (name(&path), fs::read(path).unwrap())).collect();
        files.sort();
        let reads = files.iter().map(|_| AtomicUsize::new(0)).collect();
        Self { files, classes: vec!["all".to_string()], reads }
    }

    fn reads(&self) -> Vec<usize> {
        self.reads.iter().map(|reads| reads.load(Ordering::SeqCst)).collect()
    }
}

impl Source for Files {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, _index: usize) -> usize {
        0
    }

    fn key(&self, index: usize) -> Cow<'_, str> {
        Cow::Borrowed(&self.files[index].0)
    }

    fn read(&self, index: usize) -> Result<Content, SourceError> {
        self.reads[index].fetch_add(1, Ordering::SeqCst);
        Ok(Content::File(self.files[index].1.clone()))
    }
}

const TRANSFORM: &str = "random_resized_crop(40, bicubic) | flip(0.5) | normalize(imagenet)";

fn loader(source: Arc<dyn Source>, transform: &str) -> Loader {
    let options = LoaderOptions {
        batch_size: 4,
        order: Order::Shuffled,
        seed: 3,
        workers: 3,
        on_error: OnError::Skip,
        ..LoaderOptions::new(transform.parse().unwrap())
    };
    Loader::new(source, options).unwrap()
}

/// Everything that is in the batches of two epochs: levels, labels, samples, and what could not be read.
fn batches(source: Arc<dyn Source>, transform: &str) -> Vec<String> {
    let loader = loader(source, transform);
    (0..2).flat_map(|epoch| loader.epoch(epoch)).map(|batch| format!("{:?}", batch.unwrap())).collect()
}

#[test]
fn the_same_batches_bit_for_bit() {
    for folder in ["sources", "kinds", "broken"] {
        for exif in [true, false] {
            let transform = format!("decode(exif={exif}) | {TRANSFORM}");
            let plain = batches(Arc::new(Files::of(folder)), &transform);
            // All, some and none of them are kept.
            for bytes in [u64::MAX, 200_000, 0] {
                let room = Room::new(bytes);
                let decoded = Decoded::new(Arc::new(Files::of(folder)), exif, Arc::clone(&room));
                let decoded: Arc<dyn Source> = Arc::new(decoded);
                assert!(batches(Arc::clone(&decoded), &transform) == plain, "{folder} in {bytes} bytes");
                assert!(batches(decoded, &transform) == plain, "{folder} in {bytes} bytes, a second run");
            }
        }
    }
}

#[test]
fn every_file_is_read_and_decoded_once() {
    let files = Arc::new(Files::of("sources"));
    let count = files.len();
    let decoded = Arc::new(Decoded::new(Arc::clone(&files) as Arc<dyn Source>, true, Room::new(u64::MAX)));
    for _ in 0..3 {
        batches(Arc::clone(&decoded) as Arc<dyn Source>, TRANSFORM);
    }
    assert_eq!(files.reads(), vec![1; count]);
    assert_eq!(decoded.kept(), count);
    assert!(matches!(decoded.read(0), Ok(Content::Pixels(_))));
}

#[test]
fn no_more_is_kept_than_there_is_room_for() {
    let size = |source: &dyn Source, index| match source.read(index) {
        Ok(Content::Pixels(image)) => image.pixels().len() as u64,
        other => panic!("{other:?}"),
    };
    let all = Decoded::new(Arc::new(Files::of("sources")), true, Room::new(u64::MAX));
    let first = size(&all, 0);
    let whole: u64 = (0..all.len()).map(|index| size(&all, index)).sum();

    // Two sources in one room for one and a half of them.
    let room = Room::new(whole + whole / 2);
    let files = [Arc::new(Files::of("sources")), Arc::new(Files::of("sources"))];
    let two = files
        .each_ref()
        .map(|files| Decoded::new(Arc::clone(files) as Arc<dyn Source>, true, Arc::clone(&room)));
    for source in &two {
        (0..source.len()).for_each(|index| drop(source.read(index).unwrap()));
    }
    let kept = |source: &Decoded| source.kept();
    assert_eq!(kept(&two[0]), two[0].len());
    assert!(kept(&two[1]) > 0 && kept(&two[1]) < two[1].len(), "{} of {}", kept(&two[1]), two[1].len());
    assert!(room.left() < first.max(whole));
    // What is not kept is read again.
    (0..two[1].len()).for_each(|index| drop(two[1].read(index).unwrap()));
    let twice = files[1].reads().iter().filter(|reads| **reads == 2).count();
    assert_eq!(twice, two[1].len() - kept(&two[1]));
}

#[test]
fn pixels_stay_pixels() {
    #[derive(Debug)]
    struct Red([String; 1]);

    impl Source for Red {
        fn len(&self) -> usize {
            1
        }

        fn classes(&self) -> &[String] {
            &self.0
        }

        fn class(&self, _index: usize) -> usize {
            0
        }

        fn key(&self, _index: usize) -> Cow<'_, str> {
            "red".into()
        }

        fn read(&self, _index: usize) -> Result<Content, SourceError> {
            Ok(Content::Pixels(RgbImage8::filled(3, 2, [255, 0, 0])))
        }
    }

    let decoded = Decoded::new(Arc::new(Red(["red".to_string()])), true, Room::new(18));
    for _ in 0..2 {
        let Ok(Content::Pixels(image)) = decoded.read(0) else { panic!("no pixels") };
        assert_eq!(image, RgbImage8::filled(3, 2, [255, 0, 0]));
    }
    assert_eq!(decoded.kept(), 1);
}
