//! The elements of a level-5 file: a tag of eight bytes, which says of what kind the data are and how long, and the data.

use std::io::Read;

use super::unreadable;

/// An array.
pub const MATRIX: u32 = 14;
/// An array behind zlib.
pub const COMPRESSED: u32 = 15;

/// What stands in front of data, or already has them in it.
pub enum Tag {
    /// Data of so many bytes follow, then zeros up to a multiple of eight.
    Long(u32, usize),
    /// At most four bytes.
    Short(u32, Vec<u8>),
}

/// Data that are no array.
pub struct Element {
    kind: u32,
    pub data: Vec<u8>,
}

impl Tag {
    /// Kind and length of what follows.
    pub fn long(self) -> Option<(u32, usize)> {
        match self {
            Self::Long(kind, length) => Some((kind, length)),
            Self::Short(..) => None,
        }
    }
}

pub fn tag(input: &mut impl Read) -> Result<Tag, String> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes).map_err(|error| unreadable(&error))?;
    let [a, b, c, d, data @ ..] = bytes;
    match u16::from_le_bytes([c, d]) {
        0 => {
            let kind = u16::from_le_bytes([a, b]).into();
            let length = usize::try_from(u32::from_le_bytes(data)).map_err(|_| "it is too long")?;
            Ok(Tag::Long(kind, length))
        }
        length @ 1..=4 => {
            Ok(Tag::Short(u16::from_le_bytes([a, b]).into(), data[..usize::from(length)].to_vec()))
        }
        _ => Err("it is damaged (a tag that cannot be)".to_string()),
    }
}

/// An element with at most `limit` bytes. No more memory is taken than there are bytes.
pub fn element(input: &mut impl Read, limit: usize) -> Result<Element, String> {
    let (kind, length) = match tag(input)? {
        Tag::Long(kind, length) => (kind, length),
        Tag::Short(kind, data) => return Ok(Element { kind, data }),
    };
    if length > limit {
        return Err(format!("it is damaged ({length} bytes where there can be {limit})"));
    }
    let data = bytes(input, length)?;
    if data.len() < length {
        return Err("it is cut off".to_string());
    }
    // Some leave the zeros out where nothing follows.
    bytes(input, length.next_multiple_of(8) - length)?;
    Ok(Element { kind, data })
}

fn bytes(input: &mut impl Read, length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    input.take(length as u64).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

impl Element {
    /// The data as numbers. Those of 64 bits are rounded beyond 2^53.
    pub fn numbers(&self) -> Result<Vec<f64>, String> {
        let data = &self.data;
        match self.kind {
            1 => each(data, |bytes| i8::from_le_bytes(bytes).into()),
            2 => each(data, |bytes| u8::from_le_bytes(bytes).into()),
            3 => each(data, |bytes| i16::from_le_bytes(bytes).into()),
            4 => each(data, |bytes| u16::from_le_bytes(bytes).into()),
            5 => each(data, |bytes| i32::from_le_bytes(bytes).into()),
            6 => each(data, |bytes| u32::from_le_bytes(bytes).into()),
            7 => each(data, |bytes| f32::from_le_bytes(bytes).into()),
            9 => each(data, f64::from_le_bytes),
            12 => each(data, |bytes| i64::from_le_bytes(bytes) as f64),
            13 => each(data, |bytes| u64::from_le_bytes(bytes) as f64),
            kind => Err(format!("it is damaged (numbers of kind {kind})")),
        }
    }
}

fn each<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f64) -> Result<Vec<f64>, String> {
    match data.as_chunks() {
        (numbers, []) => Ok(numbers.iter().map(|bytes| number(*bytes)).collect()),
        _ => Err("it is damaged (a part of a number)".to_string()),
    }
}
