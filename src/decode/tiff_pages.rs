//! The pages of a TIFF: where they are, and each as a file of its own.

use std::collections::BTreeSet;
use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};

use super::header;
use super::tiff::Tiff;

/// A TIFF whose first page, to who reads it, is the one wanted.
pub(super) struct TiffPage<'a> {
    /// The header, with another place of the first page in it.
    header: Vec<u8>,
    bytes: Cursor<&'a [u8]>,
    /// Where the page is.
    place: Option<usize>,
}

impl<'a> TiffPage<'a> {
    /// Page `number` of a TIFF. Where there is none, the file as it is: who reads it says what is wrong.
    pub fn of(bytes: &'a [u8], number: u32) -> Option<Self> {
        let mut header = bytes.get(..HEADER.min(bytes.len())).unwrap_or_default().to_vec();
        let pages = tiff_pages(bytes, number as usize);
        let place = (number as usize).checked_sub(1).and_then(|index| pages.get(index)).copied();
        match place {
            Some(page) => {
                let tiff = Tiff::open(bytes, 0)?;
                let place = header.get_mut(tiff.word()..)?.get_mut(..tiff.word())?;
                let (little, big) = ((page as u64).to_le_bytes(), (page as u64).to_be_bytes());
                let from = if tiff.big_endian { big.get(8 - tiff.word()..)? } else { little.get(..tiff.word())? };
                place.copy_from_slice(from);
            }
            None if number > 1 => return None,
            None => {}
        }
        Some(Self { header, bytes: Cursor::new(bytes), place })
    }

    /// Bytes that a decoder keeps of what the page says.
    pub fn kept(&self) -> u64 {
        let page = Tiff::open(self.bytes.get_ref(), 0).zip(self.place);
        page.map_or(0, |(tiff, place)| header::of_tiff_page(tiff, place))
    }

    fn rest(&self) -> &[u8] {
        let at = usize::try_from(self.bytes.position()).unwrap_or(usize::MAX);
        match self.header.get(at..) {
            Some(header) if !header.is_empty() => header,
            _ => self.bytes.get_ref().get(at..).unwrap_or_default(),
        }
    }
}

impl BufRead for TiffPage<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        Ok(self.rest())
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.consume(amount);
    }
}

impl Read for TiffPage<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.rest().read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl Seek for TiffPage<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// Bytes of the longer of TIFF's two headers.
const HEADER: usize = 16;

/// Whether a page is another one made small, or its mask.
fn is_lesser(tiff: Tiff<'_>, page: usize) -> bool {
    /// Tags of TIFF 6.0.
    const NEW_SUBFILE_TYPE: u16 = 254;
    const SUBFILE_TYPE: u16 = 255;
    tiff.entries(page).any(|entry| match entry.tag {
        NEW_SUBFILE_TYPE => tiff.number(&entry).is_some_and(|bits| bits & 0b101 != 0),
        SUBFILE_TYPE => tiff.number(&entry) == Some(2),
        _ => false,
    })
}

/// Where the pages of a TIFF are, `most` of them: all in its chain that are no thumbnails or masks, or else the first.
pub(super) fn tiff_pages(bytes: &[u8], most: usize) -> Vec<usize> {
    /// Pages that are looked at for each that is wanted.
    const LESSER: usize = 4;
    let Some(tiff) = Tiff::open(bytes, 0) else { return Vec::new() };
    let (mut pages, mut seen) = (Vec::new(), BTreeSet::new());
    let first = tiff.first().filter(|&first| first != 0);
    let mut next = first;
    while let Some(page) = next.filter(|_| pages.len() < most && seen.len() < most.saturating_mul(LESSER)) {
        if !seen.insert(page) || tiff.u16(page).is_none() {
            break;
        }
        if !is_lesser(tiff, page) {
            pages.push(page);
        }
        next = tiff.next(page);
    }
    if pages.is_empty() {
        pages.extend(first);
    }
    pages
}
