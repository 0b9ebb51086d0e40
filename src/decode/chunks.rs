//! The chunks that PNG and RIFF (WebP) files are made of.

/// The chunks of a PNG: name and content. One that is cut short is not told, and nothing is behind it.
pub(super) fn of_png(png: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = png.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let content = after.get(..length)?;
        // A checksum stands behind.
        rest = after.get(length.checked_add(4)?..).unwrap_or_default();
        Some((name, content))
    })
}

/// The chunks of a WebP.
pub(super) fn of_webp(webp: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = webp.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let content = after.get(..length)?;
        // Chunks begin at even places.
        rest = after.get(length.checked_next_multiple_of(2)?..).unwrap_or_default();
        Some((name, content))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_told_up_to_the_first_that_is_cut_short() {
        let png = b"12345678\0\0\0\x02ABCDxycrcc\0\0\0\0EFGHcrcc\0\0\0\x09IJKLshort";
        assert_eq!(of_png(png).collect::<Vec<_>>(), [(b"ABCD", &b"xy"[..]), (b"EFGH", b"")]);
        let webp = b"RIFF....WEBPABCD\x03\0\0\0xyz\0EFGH\x01\0\0\0wIJKL\x01\0\0\0";
        assert_eq!(of_webp(webp).map(|chunk| chunk.1).collect::<Vec<_>>(), [&b"xyz"[..], b"w"]);
        for end in 0..png.len() {
            assert!(of_png(&png[..end]).count() <= 2);
        }
    }
}
