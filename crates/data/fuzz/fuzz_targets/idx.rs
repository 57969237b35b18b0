//! Any bytes as the binaries of MNIST or CIFAR are a source with just those pixels, or an error.
//!
//! The first byte of the input says which, the next two how many bytes are the smaller file's: IDX labels, or the names
//! of CIFAR's classes. The rest is the file of images.

#![no_main]

use std::fs;

use efficientnet_data::{Content, Part, Records, Source};
use efficientnet_data_fuzz::{exercise, file, path};
use libfuzzer_sys::fuzz_target;

const CIFAR_PIXELS: usize = 32 * 32;

fuzz_target!(|bytes: &[u8]| {
    let [kind, high, low, rest @ ..] = bytes else { return };
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
    let (small, images) = rest.split_at(length);
    match kind % 3 {
        0 => idx(small, images),
        1 => cifar(["c10/test_batch.bin", "c10/batches.meta.txt"], 1, small, images),
        _ => cifar(["c100/test.bin", "c100/fine_label_names.txt"], 2, small, images),
    }
});

fn idx(labels: &[u8], images: &[u8]) {
    const HEADER: usize = 16;
    fs::create_dir_all(path("mnist")).expect("a folder in memory");
    file("mnist/train-labels-idx1-ubyte", labels);
    file("mnist/train-images-idx3-ubyte", images);
    let order = ["0", "1", "2"].map(String::from);
    for order in [None, Some(&order[..])] {
        let Ok(source) = Records::idx(path("mnist"), Part::Train, order) else { continue };
        assert_eq!(source.len() + 8, labels.len());
        exercise(&source, |index, content| {
            let Content::Pixels(image) = content else { panic!("IDX has pixels") };
            let pixels = image.width() * image.height();
            let levels = &images[HEADER + index * pixels..][..pixels];
            assert!(image.pixels().iter().step_by(3).eq(levels));
            assert_eq!(source.class(index), usize::from(labels[8 + index]));
        });
    }
}

fn cifar([records, names]: [&str; 2], label_bytes: usize, text: &[u8], images: &[u8]) {
    let folder = path(records);
    let folder = folder.parent().expect("a file in a folder");
    fs::create_dir_all(folder).expect("a folder in memory");
    file(records, images);
    // Without names the classes have numbers.
    if text.is_empty() {
        let _ = fs::remove_file(path(names));
    } else {
        file(names, text);
    }
    let Ok(source) = Records::cifar(folder, Part::Test, None) else { return };
    let record = label_bytes + 3 * CIFAR_PIXELS;
    assert_eq!(source.len() * record, images.len());
    exercise(&source, |index, content| {
        let Content::Pixels(image) = content else { panic!("CIFAR has pixels") };
        assert_eq!((image.width(), image.height()), (32, 32));
        let (label, planes) = images[index * record..][..record].split_at(label_bytes);
        assert_eq!(source.class(index), usize::from(label[label_bytes - 1]));
        let planes: Vec<&[u8]> = planes.chunks(CIFAR_PIXELS).collect();
        let expected = (0..CIFAR_PIXELS).flat_map(|at| [planes[0][at], planes[1][at], planes[2][at]]);
        assert!(image.pixels().iter().copied().eq(expected));
    });
}
