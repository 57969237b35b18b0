//! Logits out of `.npy` files, and how far two of them lie apart.

use std::fs;
use std::path::Path;

use crate::error::{Context, Error, Result};

/// The largest difference relative to the largest logit that is still rounding. Other orders of adding up make some 1e-5.
pub const TOLERANCE: f64 = 1e-3;

/// Reads a file of f32 in C order.
pub fn read(path: &Path) -> Result<Vec<f32>> {
    let bytes = fs::read(path).doing(|| format!("cannot read {}", path.display()))?;
    values(&bytes).ok_or_else(|| Error::failure(format!("{} is no array of f32", path.display())))
}

/// The values of a whole `.npy` file: a magic word, a version, a header in Python's notation with its length, and numbers.
fn values(bytes: &[u8]) -> Option<Vec<f32>> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (version, rest) = rest.split_at_checked(2)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        _ => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (usize::try_from(u32::from_le_bytes(*length)).ok()?, rest)
        }
    };
    let (header, data) = rest.split_at_checked(length)?;
    let header: String = String::from_utf8_lossy(header).chars().filter(|c| !c.is_whitespace()).collect();
    let fits = header.contains("'descr':'<f4'") && header.contains("'fortran_order':False");
    let (numbers, cut) = data.as_chunks::<4>();
    (fits && cut.is_empty()).then(|| numbers.iter().map(|&number| f32::from_le_bytes(number)).collect())
}

/// The largest difference over the largest value of the reference; infinite where they cannot be compared.
pub fn difference(found: &[f32], reference: &[f32]) -> f64 {
    if found.len() != reference.len() || !found.iter().chain(reference).all(|value| value.is_finite()) {
        return f64::INFINITY;
    }
    let pairs = found.iter().zip(reference);
    let largest = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).fold(0.0, f64::max);
    let scale = reference.iter().map(|value| f64::from(value.abs())).fold(f64::MIN_POSITIVE, f64::max);
    largest / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn an_array_is_read() {
        let data: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n";
        assert_eq!(values(&file(header, &data)), Some(vec![1.5, -2.0]));
        let of_version_2 =
            [b"\x93NUMPY\x02\0", &(header.len() as u32).to_le_bytes()[..], header.as_bytes(), &data].concat();
        assert_eq!(values(&of_version_2), Some(vec![1.5, -2.0]));
    }

    #[test]
    fn what_is_no_array_of_f32_is_refused() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
        assert!(values(&file(header, &[0; 4])).is_some());
        assert_eq!(values(&file(header, &[0; 3])), None);
        assert_eq!(values(&file(&header.replace("f4", "f8"), &[0; 8])), None);
        assert_eq!(values(&file(&header.replace("False", "True"), &[0; 4])), None);
        assert_eq!(values(&file(header, &[0; 4])[..20]), None);
        assert_eq!(values(b"\x93NUMPY"), None);
    }

    #[test]
    fn differences_are_relative_to_the_largest_logit() {
        assert_eq!(difference(&[1.0, -8.0], &[1.0, -8.0]), 0.0);
        assert_eq!(difference(&[1.0, -7.0], &[1.0, -8.0]), 0.125);
        assert_eq!(difference(&[1.0], &[1.0, -8.0]), f64::INFINITY);
        assert_eq!(difference(&[f32::NAN], &[1.0]), f64::INFINITY);
    }
}
