//! How a file of features is laid out.
//!
//! ```text
//! magic      8 bytes, the last of which is the format
//! features   of one picture after the other: see `packed`
//! lists      one bucket after the other: see `lists`
//! pictures   46 bytes each: number (u32), width and height of what was described (u16 each), quality of its
//!            perceptual hash (u8), the hash (four u64), where its features begin (40 bits)
//! directory  4 bytes a bucket and 4 more: where each begins, from the first
//! trailer    64 bytes: magic, counts, where the parts begin
//! checksums  4 bytes for each 512 bytes of all above (CRC-32)
//! ```
//!
//! All numbers are little-endian. What is small and told by all that comes before stands behind it, so that a file is written
//! from its first byte to its last.

use super::lists::Cut;
use crate::describe::hash::PerceptualHash;

pub const MAGIC: &[u8; 8] = b"risfeat\x02";
pub const TRAILER: usize = 64;
pub const PICTURE: usize = 46;
/// Most runs of a list have a fifth of that: of larger blocks more would be checked for nothing.
pub const BLOCK: usize = 512;
/// Bytes that a feature takes at least: see `packed`.
const FEATURE_LEAST: usize = 9;
/// Pictures of one file at most.
pub const PICTURES_MAX: usize = 1 << 20;

/// A picture of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its number in the index.
    pub picture: u32,
    /// Width of what was described, in pixels.
    pub width: u16,
    /// Its height.
    pub height: u16,
    /// PDQ's quality, 0 to 100.
    pub quality: u8,
    /// PDQ of the whole picture.
    pub hash: PerceptualHash,
}

/// The bytes that begin at `at`; zeros where there are fewer.
#[inline(always)]
pub fn bytes<const N: usize>(all: &[u8], at: usize) -> [u8; N] {
    all.get(at..).and_then(|from| from.first_chunk()).copied().unwrap_or([0; N])
}

impl Source {
    #[inline(always)]
    pub(in crate::index) fn of(kept: &[u8]) -> Self {
        Self {
            picture: u32::from_le_bytes(bytes(kept, 0)),
            width: u16::from_le_bytes(bytes(kept, 4)),
            height: u16::from_le_bytes(bytes(kept, 6)),
            quality: u8::from_le_bytes(bytes(kept, 8)),
            hash: PerceptualHash(std::array::from_fn(|i| u64::from_le_bytes(bytes(kept, 9 + 8 * i)))),
        }
    }

    /// As it is kept, with where its features begin.
    pub(super) fn kept(&self, features: usize) -> [u8; PICTURE] {
        let Self { picture, width, height, quality, hash } = self;
        let mut kept = [0; PICTURE];
        kept[..4].copy_from_slice(&picture.to_le_bytes());
        kept[4..6].copy_from_slice(&width.to_le_bytes());
        kept[6..8].copy_from_slice(&height.to_le_bytes());
        kept[8] = *quality;
        for (place, word) in kept[9..41].chunks_exact_mut(8).zip(hash.0) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        kept[41..].copy_from_slice(&(features as u64).to_le_bytes()[..5]);
        kept
    }
}

/// Where a picture's features begin.
pub fn features_of(kept: &[u8; PICTURE]) -> usize {
    let [a, b, c, d, e] = bytes(kept, 41);
    u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]) as usize
}

/// Where the parts of a file begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    pub pictures: usize,
    pub features: usize,
    /// Numbers of all lists.
    pub numbers: usize,
    /// Where lists begin, and pictures, which follow them.
    pub lists: usize,
    pub sources: usize,
}

impl Layout {
    pub fn cut(&self) -> Cut {
        Cut::of(self.pictures, self.features)
    }

    pub fn directory(&self) -> usize {
        self.sources + PICTURE * self.pictures
    }

    fn trailer_at(&self) -> usize {
        self.directory() + 4 * (self.cut().buckets() + 1)
    }

    /// Where checksums begin.
    pub fn checksums(&self) -> usize {
        self.trailer_at() + TRAILER
    }

    pub fn blocks(&self) -> usize {
        self.checksums().div_ceil(BLOCK)
    }

    pub fn trailer(&self) -> [u8; TRAILER] {
        let mut trailer = [0; TRAILER];
        let fields = [self.pictures, self.features, self.numbers, self.lists, self.sources];
        trailer[..8].copy_from_slice(MAGIC);
        for (place, field) in trailer[8..].chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&(field as u64).to_le_bytes());
        }
        trailer
    }

    /// `None` where the trailer is not one, or belongs to a file of another length.
    pub fn read(all: &[u8]) -> Option<Self> {
        let content = all.len().checked_sub(4 * all.len().div_ceil(BLOCK + 4))?;
        let trailer = all.get(..content)?.last_chunk::<TRAILER>()?;
        let field = |i: usize| {
            let field = usize::try_from(u64::from_le_bytes(bytes(trailer, 8 * i))).ok()?;
            (field <= all.len()).then_some(field)
        };
        let (pictures, features, numbers, lists, sources) = (field(1)?, field(2)?, field(3)?, field(4)?, field(5)?);
        let layout = Self { pictures, features, numbers, lists, sources };
        // What is counted takes its room, so that nothing is taken for more than the file has: a feature ten bytes, and a
        // number is of one feature at least.
        let counted = features <= lists / FEATURE_LEAST && numbers <= features && pictures <= PICTURES_MAX;
        let ordered = MAGIC.len() <= lists && lists <= sources && counted;
        let is_so = ordered && *trailer == layout.trailer() && layout.checksums() == content;
        (is_so && all.starts_with(MAGIC)).then_some(layout)
    }
}
