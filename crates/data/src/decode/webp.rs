//! What WebP's decoder believes without looking.

/// The fourcc of the chunk with the orientation.
const EXIF: &[u8] = b"EXIF";
/// `RIFF`, a length, `WEBP`; chunks follow, each a fourcc, a length and so many bytes, made even.
const CHUNKS: usize = 12;

/// Whether the file is as long as its EXIF chunk says, if it has one.
///
/// The decoder (`image-webp` 0.2.4, `read_chunk`) makes room for as many bytes as stand there, up to 4 GB, before it
/// reads them, and the `image` crate sets it no limit.
pub fn has_whole_exif(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(CHUNKS..).unwrap_or_default();
    while let Some((header, behind)) = rest.split_first_chunk::<8>() {
        let [.., a, b, c, d] = *header;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let is_exif = header.starts_with(EXIF);
        if length > behind.len() || is_exif {
            return !is_exif || length <= behind.len();
        }
        rest = behind.get(length + length % 2..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode_bytes;

    fn with_length(length: u32) -> Vec<u8> {
        let mut bytes = include_bytes!("../../tests/fixtures/kinds/exif-8.webp").to_vec();
        let place = bytes.windows(4).position(|four| four == EXIF).unwrap();
        bytes[place + 4..place + 8].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    /// The pixels are there, and nobody made room for 4 GB.
    #[test]
    fn an_exif_chunk_that_is_longer_than_the_file_is_passed_over() {
        let turned =
            decode_bytes(include_bytes!("../../tests/fixtures/kinds/exif-8.webp"), "turned").unwrap();
        for length in [1000, 0xF4D9_DC5A, u32::MAX] {
            let bytes = with_length(length);
            assert!(!has_whole_exif(&bytes), "{length}");
            let image = decode_bytes(&bytes, "claims").unwrap();
            assert_eq!((image.width(), image.height()), (turned.height(), turned.width()));
        }
    }

    #[test]
    fn whole_files_and_other_cut_chunks_have_none_to_fear() {
        assert!(has_whole_exif(include_bytes!("../../tests/fixtures/kinds/exif-8.webp")));
        assert!(has_whole_exif(include_bytes!("../../tests/fixtures/kinds/lossy.webp")));
        assert!(has_whole_exif(b"RIFF\0\0\0\0WEBPVP8 \xff\xff\0\0"));
        assert!(has_whole_exif(b"RIFF"));
    }
}
