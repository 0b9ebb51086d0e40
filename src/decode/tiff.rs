//! The structure of TIFF files (TIFF 6.0, BigTIFF), which EXIF blocks and most camera raw files have too: pages, which the
//! format calls image file directories, and their entries.

use image::metadata::Orientation;

const ORIENTATION: u16 = 0x112;

/// The most entries and sub-pages of a page that are looked at.
const ENTRY_LIMIT: usize = 512;
const SUB_PAGE_LIMIT: usize = 16;

/// Reads numbers in a file's byte order, at places counted from `base`.
#[derive(Clone, Copy)]
pub(super) struct Tiff<'a> {
    pub bytes: &'a [u8],
    pub base: usize,
    pub big_endian: bool,
    /// BigTIFF: places and counts are of 8 bytes.
    pub is_big: bool,
}

/// An entry of a page.
pub(super) struct Entry {
    pub tag: u16,
    /// What its values are: 2 for text, 3 and 4 for numbers, 5 for fractions, ...
    pub kind: u16,
    pub count: usize,
    /// Where its value, or the place of its value, stands.
    pub at: usize,
}

impl<'a> Tiff<'a> {
    /// The one whose header starts at `base`; ORF and RW2 have other numbers than TIFF's 42 and BigTIFF's 43.
    pub fn open(bytes: &'a [u8], base: usize) -> Option<Self> {
        let big_endian = match bytes.get(base..)?.first_chunk()? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let tiff = Self { bytes, base, big_endian, is_big: false };
        Some(Self { is_big: tiff.u16(2) == Some(43), ..tiff })
    }

    pub fn u16(self, at: usize) -> Option<u16> {
        let word = *self.bytes.get(self.base.checked_add(at)?..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(word) } else { u16::from_le_bytes(word) })
    }

    pub fn u32(self, at: usize) -> Option<usize> {
        let word = *self.bytes.get(self.base.checked_add(at)?..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) } as usize)
    }

    /// A place in the file, or a count.
    pub fn place(self, at: usize) -> Option<usize> {
        if !self.is_big {
            return self.u32(at);
        }
        let word = *self.bytes.get(self.base.checked_add(at)?..)?.first_chunk()?;
        let place = if self.big_endian { u64::from_be_bytes(word) } else { u64::from_le_bytes(word) };
        usize::try_from(place).ok()
    }

    /// Bytes of a place.
    pub fn word(self) -> usize {
        if self.is_big { 8 } else { 4 }
    }

    /// Where the first page starts; what says so stands there behind the header: [`word`](Self::word) bytes in.
    pub fn first(self) -> Option<usize> {
        self.place(self.word())
    }

    /// How many entries a page has, where the first stands, and the bytes of each.
    fn layout(self, page: usize) -> Option<(usize, usize, usize)> {
        let (count, before, each) =
            if self.is_big { (self.place(page)?, 8, 20) } else { (self.u16(page)?.into(), 2, 12) };
        Some((count, page.checked_add(before)?, each))
    }

    /// The entries of the page that starts there, as many as lie within the file.
    pub fn entries(self, page: usize) -> impl Iterator<Item = Entry> + use<'a> {
        let (count, first, each) = self.layout(page).unwrap_or_default();
        (0..count.min(ENTRY_LIMIT)).map_while(move |i| {
            let start = first.checked_add(each * i)?;
            let (tag, kind) = (self.u16(start)?, self.u16(start + 2)?);
            let entry = Entry { tag, kind, count: self.place(start + 4)?, at: start + 4 + self.word() };
            // The value must be there too.
            self.place(entry.at).map(|_| entry)
        })
    }

    /// Where the page after this one starts.
    pub fn next(self, page: usize) -> Option<usize> {
        let (count, first, each) = self.layout(page)?;
        self.place(first.checked_add(each.checked_mul(count)?)?).filter(|&next| next != 0)
    }

    /// The value of an entry of one number: SHORT, LONG or IFD, and BigTIFF's longer ones.
    pub fn number(self, entry: &Entry) -> Option<usize> {
        match (entry.kind, entry.count) {
            (3, 1) => self.u16(entry.at).map(usize::from),
            (4 | 13, 1) => self.u32(entry.at),
            (16 | 18, 1) => self.place(entry.at),
            _ => None,
        }
    }

    /// The places that an entry of sub-pages names.
    pub fn numbers(self, entry: &Entry) -> Vec<usize> {
        if entry.count == 1 {
            return self.place(entry.at).into_iter().collect();
        }
        let start = self.place(entry.at);
        let each = self.word();
        let places = (0..entry.count.min(SUB_PAGE_LIMIT)).map_while(|i| self.place(start?.checked_add(each * i)?));
        places.collect()
    }

    /// The bytes of an entry of text, without what does not lie within the bytes at hand.
    pub fn text(self, entry: &Entry) -> Option<&'a [u8]> {
        let start = if entry.count <= self.word() { entry.at } else { self.place(entry.at)? };
        let rest = self.bytes.get(self.base.checked_add(start)?..)?;
        rest.get(..entry.count).or(Some(rest))
    }

    /// Which way up the file's first page is.
    pub fn orientation(self) -> Option<Orientation> {
        let page = self.first()?;
        let value = self.entries(page).find(|entry| entry.tag == ORIENTATION).and_then(|entry| self.number(&entry))?;
        Orientation::from_exif(u8::try_from(value).ok()?)
    }
}
