//! Every kind of image file gives Pillow's pixels, and every kind of broken file one sentence.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{cases, largest_difference, path};
use efficientnet_data::{DecodeOptions, ImageError, MAX_FILE_BYTES, MAX_PIXELS, decode, decode_bytes};
use serde::Deserialize;

#[derive(Deserialize)]
struct Kind {
    file: String,
    exif: bool,
    width: usize,
    height: usize,
    offset: usize,
}

#[test]
fn every_kind_of_file_has_the_reference_pixels() {
    let expected = fs::read(path("kinds.rgb")).unwrap();
    let mut wrong = Vec::new();
    for kind in cases::<Kind>("kinds.json") {
        let image = DecodeOptions { exif: kind.exif, ..DecodeOptions::default() }
            .decode(path("kinds").join(&kind.file))
            .unwrap();
        let size = [kind.width, kind.height];
        let difference = largest_difference(&image, size, &expected[kind.offset..], &kind.file);
        // libwebp and its Rust counterpart may round the colours of a lossy file differently; all else is exact.
        if difference > u8::from(kind.file == "lossy.webp") {
            wrong.push(format!("{} (exif {}): {difference} levels", kind.file, kind.exif));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_of_file_was_compared() {
    let kinds = cases::<Kind>("kinds.json");
    let files = fs::read_dir(path("kinds")).unwrap().map(|entry| entry.unwrap().file_name());
    for file in files {
        assert!(kinds.iter().any(|kind| *kind.file == *file), "{file:?} has no expected pixels");
    }
}

/// The error's sentence, with the path cut down to the file's name.
fn complaint(file: &str) -> String {
    let path = path("broken").join(file);
    let error = decode(&path).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error.strip_prefix(&path.display().to_string()).unwrap().trim().to_string()
}

#[test]
fn broken_files_are_named_with_what_to_do() {
    assert_eq!(complaint("empty.jpg"), "is empty (0 bytes); fetch or export it again");
    assert_eq!(
        complaint("text.jpg"),
        "is not an image: its content is none of JPEG, PNG, GIF, WebP, BMP and TIFF; convert it to one of them"
    );
    for (file, format) in [
        ("magic-only.jpg", "JPEG"),
        ("header-only.jpg", "JPEG"),
        ("truncated.jpg", "JPEG"),
        ("truncated-grey.jpg", "JPEG"),
        ("truncated.png", "PNG"),
    ] {
        let complaint = complaint(file);
        assert!(complaint.starts_with(&format!("is a damaged {format} file (")), "{file}: {complaint}");
        assert!(complaint.ends_with("); fetch or export it again"), "{file}: {complaint}");
    }
}

#[test]
fn too_many_pixels_are_refused_before_they_are_read() {
    let limits = "at most 30000 a side and 256 megapixels are accepted, scale it down first";
    assert_eq!(complaint("huge.jpg"), format!("is 65500 x 65500 pixels; {limits}"));
    assert_eq!(complaint("huge.png"), format!("is 40000 x 300 pixels; {limits}"));
    assert_eq!(complaint("many-pixels.png"), format!("is 16001 x 16000 pixels; {limits}"));
    const { assert!(MAX_PIXELS < 16_001 * 16_000) };
}

#[test]
fn a_very_large_file_is_not_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(MAX_FILE_BYTES + 1).unwrap();
    let error = decode(file.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("has more than 1024 MiB, the largest image file accepted; scale the image down first")
    );
}

#[test]
fn what_is_no_file_is_named() {
    let missing = decode("no/such/file.jpg").unwrap_err();
    assert!(matches!(missing, ImageError::Read { .. }));
    assert!(missing.to_string().starts_with("no/such/file.jpg cannot be read: "), "{missing}");
    let directory = decode(path("kinds")).unwrap_err();
    assert!(matches!(directory, ImageError::Directory { .. }));
    assert!(
        directory.to_string().ends_with("kinds is a directory, not an image; give the image files in it")
    );
}

#[test]
fn unsupported_images_are_named() {
    let avif = decode_bytes(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "photo.avif").unwrap_err();
    assert!(matches!(avif, ImageError::Unsupported { .. }), "{avif}");
    assert!(
        avif.to_string().starts_with("photo.avif is an image of a kind that is not supported ("),
        "{avif}"
    );
}

/// Four-component frames that no encoder writes once made the JPEG decoder panic: no rows, and unequal sampling.
#[test]
fn odd_cmyk_frames_are_refused() {
    let file = fs::read(path("kinds/cmyk.jpg")).unwrap();
    let frame = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    let with = |offset: usize, bytes: &[u8]| {
        let mut file = file.clone();
        file[frame + offset..][..bytes.len()].copy_from_slice(bytes);
        decode_bytes(&file, "odd.jpg").unwrap_err()
    };
    assert!(matches!(with(5, &[0, 0]), ImageError::Damaged { .. }));
    for component in 0..4 {
        let error = with(11 + 3 * component, &[0x43]);
        assert!(matches!(error, ImageError::Unsupported { .. } | ImageError::Damaged { .. }), "{error}");
    }
}

/// Deterministic damage to every kind of file: an error or an image, never a panic.
#[test]
fn damage_is_survived() {
    let mut state = 1u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut images, mut errors) = (0, 0);
    for kind in cases::<Kind>("kinds.json") {
        let whole = fs::read(path("kinds").join(&kind.file)).unwrap();
        for round in 0..60 {
            let mut bytes = whole.clone();
            match round % 3 {
                0 => bytes.truncate(1 + random(whole.len())),
                1 => (0..3).for_each(|_| bytes[random(whole.len())] = random(256) as u8),
                _ => drop(bytes.drain(random(whole.len() - 9)..).take(8).count()),
            }
            match decode_bytes(&bytes, &kind.file) {
                Ok(_) => images += 1,
                Err(_) => errors += 1,
            }
        }
    }
    assert!(
        images > 100 && errors > 100,
        "{images} images, {errors} errors: the damage is not what it should be"
    );
}
