//! IDX, the format of MNIST, Fashion-MNIST and EMNIST (<http://yann.lecun.com/exdb/mnist/>): a magic number (two zeros,
//! the type of the values, the number of dimensions), the dimensions in big-endian 32 bits, then the values.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::RecordError;
use super::{Layout, Part, RecordFile, Records};
use crate::decode::{MAX_PIXELS, MAX_SIDE};

/// Unsigned bytes in three dimensions: `[images, rows, columns]`.
const IMAGES: [u8; 4] = [0, 0, 8, 3];
/// Unsigned bytes in one dimension.
const LABELS: [u8; 4] = [0, 0, 8, 1];

/// Whether a file's name is that of images: `train-images-idx3-ubyte`, or with a dot, as some unpackers write it.
pub fn is_images(name: &str) -> bool {
    ["images-idx3-ubyte", "images.idx3-ubyte"].iter().any(|end| plain(name).ends_with(end))
}

fn plain(name: &str) -> &str {
    name.strip_suffix(".gz").unwrap_or(name)
}

pub fn open(dir: &Path, part: Part, order: Option<&[String]>) -> Result<Records, RecordError> {
    let path = images_of(dir, part)?;
    let (mut file, length) = super::open_file(&path)?;
    let [count, height, width] = header(&path, &mut file, IMAGES, "images")?;
    let sides = 1..=MAX_SIDE as u32;
    let pixels = u64::from(width) * u64::from(height);
    if !sides.contains(&width) || !sides.contains(&height) || pixels > MAX_PIXELS as u64 {
        return Err(RecordError::Size { path, width, height });
    }
    let begin = 4 + 3 * 4;
    // Sides of 30,000 and 2^32 images stay below 2^64.
    check_length(
        &path,
        length,
        begin,
        u64::from(count) * pixels,
        &format!("{count} images of {width} x {height}"),
    )?;

    let labels_path = labels_of(&path);
    let labels = labels(&labels_path)?;
    if labels.len() != count as usize {
        return Err(RecordError::Count { path: labels_path, labels: labels.len(), images: count as usize });
    }
    let largest = labels.iter().max().map_or(0, |label| usize::from(*label));
    let (classes, class_of) = super::classes(dir, None, largest + 1, order)?;
    super::check_labels(&labels_path, &labels, classes.len())?;
    let files = vec![RecordFile { path, file, first: 0, offset: begin, stride: pixels }];
    let (width, height) = (width as usize, height as usize);
    Ok(Records { files, width, height, layout: Layout::Grey, classes, labels, class_of })
}

/// The one file of images of this part.
fn images_of(dir: &Path, part: Part) -> Result<PathBuf, RecordError> {
    let failed = |source| RecordError::Read { path: dir.to_path_buf(), source };
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in dir.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_test = name.contains("t10k") || name.contains("test");
        if is_images(&name) && is_test == (part == Part::Test) {
            found.push(path);
        }
    }
    found.sort_unstable();
    // An archive beside what was unpacked from it does not count.
    let archived = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "gz");
    if !found.iter().all(archived) {
        found.retain(|path| !archived(path));
    }
    let expected = match part {
        Part::Train => "train-images-idx3-ubyte",
        Part::Test => "t10k-images-idx3-ubyte",
    };
    let mut found = found.into_iter();
    let path = found.next().ok_or_else(|| RecordError::None { path: dir.to_path_buf(), expected })?;
    match found.next() {
        Some(other) => Err(RecordError::Several { path, other }),
        None if archived(&path) => Err(RecordError::Compressed { path }),
        None => Ok(path),
    }
}

/// The labels beside images.
fn labels_of(images: &Path) -> PathBuf {
    let name = images.file_name().unwrap_or_default().to_string_lossy();
    images.with_file_name(name.replace("images-idx3", "labels-idx1").replace("images.idx3", "labels.idx1"))
}

fn labels(path: &Path) -> Result<Vec<u8>, RecordError> {
    let archive = PathBuf::from(format!("{}.gz", path.display()));
    if !path.exists() && archive.exists() {
        return Err(RecordError::Compressed { path: archive });
    }
    let (mut file, length) = super::open_file(path)?;
    let [count] = header(path, &mut file, LABELS, "labels")?;
    check_length(path, length, 4 + 4, u64::from(count), &format!("{count} labels"))?;
    // The length is as the header says, so this is no claim any more.
    let mut labels = Vec::with_capacity(count as usize);
    let read = file.read_to_end(&mut labels);
    read.map_err(|source| RecordError::Read { path: path.to_path_buf(), source })?;
    labels.truncate(count as usize);
    Ok(labels)
}

/// The dimensions, behind this magic number.
fn header<const N: usize>(
    path: &Path,
    file: &mut File,
    magic: [u8; 4],
    expected: &'static str,
) -> Result<[u32; N], RecordError> {
    let mut begin = Vec::new();
    let read = file.take(4 + 4 * N as u64).read_to_end(&mut begin);
    read.map_err(|source| RecordError::Read { path: path.to_path_buf(), source })?;
    let mut words = begin.chunks_exact(4).map(|word| [word[0], word[1], word[2], word[3]]);
    let right = words.next() == Some(magic) && words.len() == N;
    if !right {
        let path = path.to_path_buf();
        if begin.starts_with(b"\x1f\x8b") {
            return Err(RecordError::Compressed { path });
        }
        begin.truncate(4);
        return Err(RecordError::Magic { path, expected, found: begin });
    }
    Ok(std::array::from_fn(|_| words.next().map_or(0, u32::from_be_bytes)))
}

fn check_length(path: &Path, length: u64, begin: u64, body: u64, of: &str) -> Result<(), RecordError> {
    if body > 0 && length == begin + body {
        return Ok(());
    }
    let expected = format!("its header says {of}, which make {}", begin + body);
    Err(RecordError::Length { path: path.to_path_buf(), length, expected })
}
