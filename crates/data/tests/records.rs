//! CIFAR and IDX binaries as sources.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use efficientnet_data::{Content, Part, Records, RgbImage8, Source};
use tempfile::TempDir;

/// A record with this label bytes; red, green and blue are constant but for the first pixel.
fn record(labels: &[u8], [red, green, blue]: [u8; 3]) -> Vec<u8> {
    let plane = |level: u8| [vec![level + 1], vec![level; 1023]].concat();
    [labels, &plane(red), &plane(green), &plane(blue)].concat()
}

fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

fn cifar10() -> TempDir {
    let names = (0..10).map(|class| format!("name{class}\n")).collect::<String>() + "\n";
    let dir =
        folder(&[("batches.meta.txt", names.into_bytes()), ("test_batch.bin", record(&[9], [1, 2, 3]))]);
    for batch in 1..=5u8 {
        let records = [record(&[batch], [10 * batch, 0, 0]), record(&[0], [10 * batch, 5, 6])].concat();
        fs::write(dir.path().join(format!("data_batch_{batch}.bin")), records).unwrap();
    }
    dir
}

fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let dims_bytes = dims.iter().flat_map(|dim| dim.to_be_bytes());
    [0, 0, 8, dims.len() as u8].into_iter().chain(dims_bytes).chain(values.iter().copied()).collect()
}

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

fn pixels(source: &dyn Source, index: usize) -> RgbImage8 {
    match source.read(index).unwrap() {
        Content::Pixels(image) => image,
        Content::File(_) => panic!("binaries hold pixels"),
    }
}

fn error(result: Result<Records, efficientnet_data::RecordError>, dir: &Path) -> String {
    let prefix = format!("{}{}", dir.display(), std::path::MAIN_SEPARATOR);
    result.unwrap_err().to_string().replace(&prefix, "")
}

#[test]
fn cifar10_is_read_from_its_batches() {
    let dir = cifar10();
    let source = Records::cifar(dir.path(), Part::Train, None).unwrap();
    assert_eq!(source.len(), 10);
    assert_eq!(source.classes()[3], "name3");
    assert_eq!((0..10).map(|i| source.class(i)).collect::<Vec<_>>(), [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]);
    assert_eq!(source.key(7), "data_batch_4/00001");
    let image = pixels(&source, 7);
    assert_eq!([image.width(), image.height()], [32, 32]);
    assert_eq!(image.pixels()[..6], [41, 6, 7, 40, 5, 6]);

    let test = Records::cifar(dir.path(), Part::Test, None).unwrap();
    assert_eq!((test.len(), test.class(0), test.key(0).as_ref()), (1, 9, "test_batch/00000"));
}

#[test]
fn a_class_list_reorders_cifar() {
    let dir = cifar10();
    let mut order: Vec<String> = (0..10).rev().map(|class| format!("name{class}")).collect();
    order.insert(0, "other".to_string());
    let source = Records::cifar(dir.path(), Part::Train, Some(&order)).unwrap();
    assert_eq!(source.classes(), order);
    assert_eq!(source.classes()[source.class(4)], "name3");
    let short = error(Records::cifar(dir.path(), Part::Train, Some(&order[..10])), dir.path());
    assert!(short.ends_with("which the class list of 10 classes that begins with `other` has not; give the list that belongs to it"), "{short}");
}

#[test]
fn cifar100_has_fine_labels() {
    let train = [record(&[3, 99], [0; 3]), record(&[19, 0], [8; 3])].concat();
    let dir = folder(&[("train.bin", train), ("test.bin", record(&[0, 1], [0; 3]))]);
    let source = Records::cifar(dir.path(), Part::Train, None).unwrap();
    assert_eq!((source.len(), source.class(0), source.class(1)), (2, 99, 0));
    assert_eq!(source.classes().len(), 100);
    assert_eq!(pixels(&source, 1).pixels()[3..6], [8; 3]);
    fs::write(dir.path().join("fine_label_names.txt"), "apple\nbear\n").unwrap();
    let names = error(Records::cifar(dir.path(), Part::Train, None), dir.path());
    assert_eq!(names, "fine_label_names.txt names 2 classes, but the format has 100; fetch it again");
}

#[test]
fn wrong_cifar_files_are_named() {
    let dir = cifar10();
    let open = || error(Records::cifar(dir.path(), Part::Train, None), dir.path());
    let batch = dir.path().join("data_batch_2.bin");
    fs::write(&batch, [record(&[9], [0; 3]), record(&[10], [0; 3])].concat()).unwrap();
    assert_eq!(
        open(),
        "data_batch_2.bin: record 1 has label 10, but 10 classes have the labels 0 to 9; \
         fetch the file again, or give the class list that belongs to it"
    );
    fs::write(&batch, vec![0; 4000]).unwrap();
    assert_eq!(
        open(),
        "data_batch_2.bin has 4000 bytes, but records of 3073 bytes make 3073 or 6146; fetch it again"
    );
    fs::write(&batch, []).unwrap();
    assert!(open().starts_with("data_batch_2.bin has 0 bytes"));
    fs::remove_file(&batch).unwrap();
    assert_eq!(open(), "data_batch_2.bin is missing; all files of the data set belong into one folder");
    let empty = TempDir::new().unwrap();
    assert!(
        error(Records::cifar(empty.path(), Part::Train, None), empty.path())
            .contains("has no data_batch_1.bin")
    );
}

#[test]
fn idx_is_read_and_grey_is_repeated() {
    let dir = folder(&[
        (IMAGES, idx(&[2, 2, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])),
        (LABELS, idx(&[2], &[4, 0])),
        ("t10k-images.idx3-ubyte", idx(&[1, 1, 1], &[200])),
        ("t10k-labels.idx1-ubyte", idx(&[1], &[1])),
    ]);
    let source = Records::idx(dir.path(), Part::Train, None).unwrap();
    assert_eq!(source.classes(), ["0", "1", "2", "3", "4"]);
    assert_eq!(
        (source.class(0), source.class(1), source.key(1).as_ref()),
        (4, 0, "train-images-idx3-ubyte/00001")
    );
    let image = pixels(&source, 1);
    assert_eq!([image.width(), image.height()], [3, 2]);
    assert_eq!(image.pixels()[..6], [7, 7, 7, 8, 8, 8]);

    let order: Vec<String> = ["a", "b"].map(ToString::to_string).to_vec();
    let test = Records::idx(dir.path(), Part::Test, Some(&order)).unwrap();
    assert_eq!((test.len(), test.class(0), test.classes()), (1, 1, &order[..]));
    assert!(
        error(Records::idx(dir.path(), Part::Train, Some(&order)), dir.path()).starts_with(
            "train-labels-idx1-ubyte: record 0 has label 4, but 2 classes have the labels 0 to 1"
        )
    );
}

#[test]
fn wrong_idx_files_are_named() {
    let images = idx(&[2, 1, 1], &[1, 2]);
    let open = |images: Vec<u8>, labels: Vec<u8>| {
        let dir = folder(&[(IMAGES, images), (LABELS, labels)]);
        error(Records::idx(dir.path(), Part::Train, None), dir.path())
    };
    let labels = idx(&[2], &[0, 1]);
    assert_eq!(
        open(idx(&[2, 1, 1], &[1]), labels.clone()),
        "train-images-idx3-ubyte has 17 bytes, but its header says 2 images of 1 x 1, which make 18; fetch it again"
    );
    assert_eq!(
        open(images.clone(), idx(&[3], &[0, 1, 2])),
        "train-labels-idx1-ubyte has 3 labels for 2 images; fetch both files again"
    );
    assert!(
        open(images.clone(), idx(&[3], &[0, 1]))
            .starts_with("train-labels-idx1-ubyte has 10 bytes, but its header says 3 labels")
    );
    assert_eq!(
        open(labels.clone(), images.clone()),
        "train-images-idx3-ubyte is not an IDX file of images: it begins with [00, 00, 08, 01]; fetch it again"
    );
    assert!(open(vec![], labels.clone()).contains("it begins with []"));
    assert!(
        open(idx(&[0, 1, 1], &[]), labels.clone()).contains("has 16 bytes, but its header says 0 images")
    );
    assert!(open(idx(&[2, 0, 1], &[]), labels.clone()).contains("says that its images are 1 x 0 pixels"));
    let absurd = idx(&[u32::MAX, 30_000, 8_000], &[0; 100]);
    assert!(open(absurd, labels.clone()).contains("its header says 4294967295 images of 8000 x 30000"));
    assert!(open(idx(&[u32::MAX; 3], &[]), labels.clone()).contains("that is no image"));
    assert!(open(b"\x1f\x8b\x08\0".to_vec(), labels).contains("is compressed; decompress it first"));

    let gz = folder(&[("train-images-idx3-ubyte.gz", vec![]), ("train-labels-idx1-ubyte.gz", vec![])]);
    let compressed = error(Records::idx(gz.path(), Part::Train, None), gz.path());
    assert_eq!(compressed, "train-images-idx3-ubyte.gz is compressed; decompress it first, with `gunzip`");
    assert!(
        error(Records::idx(gz.path(), Part::Test, None), gz.path())
            .ends_with("has no t10k-images-idx3-ubyte; give the folder with the data set's binary files")
    );
    let two = folder(&[(IMAGES, images.clone()), ("emnist-train-images-idx3-ubyte", images)]);
    assert!(error(Records::idx(two.path(), Part::Train, None), two.path()).contains("are both there"));
}
