//! Whole numbers out of MATLAB's `.mat` files, in which some publishers keep labels and splits.
//!
//! What is read is what such files have: numeric arrays of level 5 without an imaginary part, compressed or not, least
//! significant byte first, in whichever numbers MATLAB found short enough (MathWorks, "MAT-File Format", chapter 1). Text,
//! structures and sparse arrays are passed over, and of a variable that nobody asked for no more than its name is unpacked.
//!
//! This is written here because the one crate for it that needs no C, `matfile` 0.5.0 (October 2024), is not fit for files
//! from elsewhere: of ten million damaged copies of small files 7,866 overflow a length in it (a panic where overflow is
//! checked), it unpacks without a bound, prints to the terminal, and brings a second inflate.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::ZlibDecoder;

mod element;

use element::{COMPRESSED, MATRIX, element, tag};

/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// The most numbers of a variable: a small file can be unpacked to a large array.
const MAX_VALUES: usize = 1 << 22;
/// The longest name of a variable that MATLAB allows is 63.
const MAX_NAME: usize = 255;
const HEADER: usize = 128;

/// Why a variable is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatlabError {
    /// The file could not be read.
    #[error("{path} cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It does not have the numbers that were expected.
    #[error("{path} is not the MATLAB file that is needed: {reason}; remove it and fetch it again", path = path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads a file's variable, whose numbers have to be whole, from 0 on and below 2^32; an array in MATLAB's order, first
/// index fastest.
///
/// # Errors
/// [`MatlabError`]
pub fn read(path: impl AsRef<Path>, variable: &str) -> Result<Vec<u32>, MatlabError> {
    let path = path.as_ref();
    let unread = |source| MatlabError::Read { path: path.to_path_buf(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unread)?;
    decode(&bytes, variable).map_err(|reason| MatlabError::Unfit { path: path.to_path_buf(), reason })
}

/// As [`read`], of a file's bytes.
///
/// # Errors
/// One phrase, for behind the file's name.
pub fn decode(bytes: &[u8], variable: &str) -> Result<Vec<u32>, String> {
    let mut rest = after_header(bytes)?;
    while !rest.is_empty() {
        let (kind, length) = tag(&mut rest)?.long().ok_or("an element is no variable")?;
        let (data, behind) = rest.split_at_checked(length).ok_or("it is cut off")?;
        rest = behind;
        let found = match kind {
            MATRIX => array(data, variable)?,
            COMPRESSED => unpacked(data, variable)?,
            _ => None,
        };
        if let Some(numbers) = found {
            return Ok(numbers);
        }
    }
    Err(format!("it has no variable `{variable}`"))
}

/// The elements, if these are a level-5 file's bytes.
fn after_header(bytes: &[u8]) -> Result<&[u8], &'static str> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err("it is longer than 64 MiB");
    }
    let (header, elements) = bytes.split_at_checked(HEADER).ok_or("it ends in its header")?;
    match header[HEADER - 4..] {
        [0x00, 0x01, b'I', b'M'] => Ok(elements),
        [0x00, 0x02, b'I', b'M'] => Err("it is of version 7.3, which is HDF5, instead of level 5"),
        [_, _, b'M', b'I'] => Err("it is of a machine that writes the most significant byte first"),
        _ => Err("it is no MATLAB file of level 5"),
    }
}

fn unpacked(data: &[u8], variable: &str) -> Result<Option<Vec<u32>>, String> {
    let mut stream = ZlibDecoder::new(data);
    match tag(&mut stream)?.long() {
        // How long it is shows at its end, where there is a checksum as well.
        Some((MATRIX, _)) => array(stream, variable),
        _ => Ok(None),
    }
}

/// The numbers of an array with this name: its flags, sizes, name and numbers are elements one behind the other.
fn array(mut input: impl Read, variable: &str) -> Result<Option<Vec<u32>>, String> {
    let flags = element(&mut input, 8)?.data;
    let sizes = element(&mut input, 4 * 32)?.numbers()?;
    let name = element(&mut input, MAX_NAME)?.data;
    if name != variable.as_bytes() {
        return Ok(None);
    }
    let (class, complex) = match flags[..] {
        [class, bits, ..] => (class, bits & 0x08 != 0),
        _ => return Err(format!("`{variable}` has no class")),
    };
    // From double to 64 bits without a sign; those before are structures, text and the like.
    if !(6..=15).contains(&class) || complex {
        return Err(format!("`{variable}` is no array of real numbers"));
    }
    let length = length(&sizes).ok_or_else(|| format!("`{variable}` has more than {MAX_VALUES} numbers"))?;
    let numbers = element(&mut input, 8 * length)?.numbers()?;
    if numbers.len() != length {
        return Err(format!("`{variable}` has {} numbers instead of {length}", numbers.len()));
    }
    if input.read(&mut [0]).map_err(|error| unreadable(&error))? > 0 {
        return Err(format!("`{variable}` is longer than it says"));
    }
    let whole = numbers.into_iter().map(|number| whole(number).ok_or(number)).collect::<Result<_, _>>();
    whole.map(Some).map_err(|number| format!("{number} in `{variable}` is no whole number from 0"))
}

/// How many numbers there are, if that can be.
fn length(sizes: &[f64]) -> Option<usize> {
    let product = |product: usize, size: &f64| product.checked_mul(whole(*size)? as usize);
    sizes.iter().try_fold(1, product).filter(|length| *length <= MAX_VALUES)
}

fn whole(number: f64) -> Option<u32> {
    let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    fits.then_some(number as u32)
}

/// What the decompression says.
fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut off".to_string(),
        _ => format!("it is damaged ({error})"),
    }
}

#[cfg(test)]
mod tests;
