//! Hashes of a file, in one pass over it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};

/// What a file's bytes are, in lower-case hexadecimal.
pub(crate) struct Checksums {
    pub bytes: u64,
    pub sha256: String,
    /// Only where it was asked for.
    pub md5: Option<String>,
}

impl Checksums {
    pub fn of(path: &Path, with_md5: bool) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut sha256 = Sha256::new();
        let mut md5 = with_md5.then(Md5::new);
        let mut bytes = 0;
        let mut piece = vec![0; 1 << 18];
        loop {
            let length = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            bytes += length as u64;
            sha256.update(&piece[..length]);
            if let Some(md5) = &mut md5 {
                md5.update(&piece[..length]);
            }
        }
        let md5 = md5.map(|md5| hexadecimal(&md5.finalize()));
        Ok(Self { bytes, sha256: hexadecimal(&sha256.finalize()), md5 })
    }
}

fn hexadecimal(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test suites of RFC 1321 and FIPS 180-2.
    #[test]
    fn known_hashes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let sums = Checksums::of(&path, true).unwrap();
        assert_eq!(sums.bytes, 3);
        assert_eq!(sums.md5.as_deref(), Some("900150983cd24fb0d6963f7d28e17f72"));
        assert_eq!(sums.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Checksums::of(&path, false).unwrap().md5, None);
    }
}
