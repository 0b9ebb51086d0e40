//! Tells the camera raw formats that are TIFF files from TIFF pictures.
//!
//! Their first page is mostly a thumbnail, so reading them as TIFF would index a stamp, or fail. CR2
//! says what it is behind the header. DNG has a version tag. NEF, ARW and others are told by the maker
//! of the camera together with sub-pages, which no scanner writes.

/// Tag numbers of TIFF 6.0, TIFF/EP and DNG.
const MAKE: u16 = 271;
const SUB_PAGES: u16 = 330;
const DNG_VERSION: u16 = 50_706;
/// The most entries of a page that are looked at.
const ENTRY_LIMIT: u16 = 256;

/// Reads numbers in a TIFF's byte order.
#[derive(Clone, Copy)]
struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> Tiff<'a> {
    fn u16(self, at: usize) -> Option<u16> {
        let word = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(word) } else { u16::from_le_bytes(word) })
    }

    fn u32(self, at: usize) -> Option<u32> {
        let word = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    }

    /// The text of an entry, without what does not lie within the bytes at hand.
    fn text(self, entry: usize) -> Option<&'a [u8]> {
        let length = self.u32(entry + 4)? as usize;
        let start = if length <= 4 { entry + 8 } else { self.u32(entry + 8)? as usize };
        let rest = self.bytes.get(start..)?;
        rest.get(..length).or(Some(rest))
    }
}

/// The name of the raw format that a TIFF file is, `None` for a TIFF picture.
pub(super) fn of_tiff(bytes: &[u8]) -> Option<&'static str> {
    if bytes.get(8..10) == Some(b"CR") {
        return Some("raw (cr2)");
    }
    let tiff = Tiff { bytes, big_endian: bytes.starts_with(b"MM") };
    if tiff.u16(2)? != 42 {
        return None;
    }
    let page = tiff.u32(4)? as usize;
    let count = tiff.u16(page)?.min(ENTRY_LIMIT);
    let mut maker: Option<&[u8]> = None;
    let mut has_sub_pages = false;
    for i in 0..usize::from(count) {
        let entry = page.checked_add(2 + 12 * i)?;
        match tiff.u16(entry) {
            Some(DNG_VERSION) => return Some("raw (dng)"),
            Some(MAKE) => maker = tiff.text(entry),
            Some(SUB_PAGES) => has_sub_pages = true,
            Some(_) => {}
            None => break,
        }
    }
    let maker = maker.filter(|_| has_sub_pages)?;
    let makers: [(&[u8], &str); 4] =
        [(b"NIKON", "raw (nef)"), (b"SONY", "raw (arw)"), (b"PENTAX", "raw (pef)"), (b"SAMSUNG", "raw (srw)")];
    makers.iter().find(|(name, _)| maker.starts_with(name)).map(|&(_, format)| format)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A little-endian TIFF whose only page has these entries: tag, type, count, value.
    fn tiff(entries: &[(u16, u16, u32, u32)], tail: &[u8]) -> Vec<u8> {
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        bytes.extend((entries.len() as u16).to_le_bytes());
        for &(tag, kind, count, value) in entries {
            bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        bytes.extend([0; 4]);
        bytes.extend(tail);
        bytes
    }

    #[test]
    fn cameras_with_sub_pages_are_raw_and_scanners_are_not() {
        let nikon = tiff(&[(MAKE, 2, 18, 38), (SUB_PAGES, 4, 1, 99)], b"NIKON CORPORATION\0");
        assert_eq!(of_tiff(&nikon), Some("raw (nef)"));
        let scanner = tiff(&[(MAKE, 2, 18, 26)], b"NIKON CORPORATION\0");
        assert_eq!(of_tiff(&scanner), None);
        assert_eq!(of_tiff(&tiff(&[(DNG_VERSION, 1, 4, 1)], b"")), Some("raw (dng)"));
        for end in 0..nikon.len() {
            let _ = of_tiff(&nikon[..end]);
        }
        assert_eq!(of_tiff(&[b"II*\0".as_slice(), &[0xFF; 40]].concat()), None);
    }
}
