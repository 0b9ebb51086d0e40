//! How a file of features is laid out.
//!
//! ```text
//! header     64 bytes: magic, version, counts
//! pictures   41 bytes each: number (u32), width and height of what was described (u16 each), quality of its
//!            perceptual hash (u8), the hash (four u64)
//! directory  4 bytes a bucket and 4 more: the entry at which each bucket begins
//! entries    14 bytes each: the word's rest, picture and geometry (48 bits), signature (u64)
//! checksums  4 bytes for each 1 KiB of all above (CRC-32)
//! ```
//!
//! All numbers are little-endian. Entries are in the order of their words. A bucket holds those of the words
//! that share their upper bits, about sixteen; the word's lower bits (its rest) stand in the entry. The more
//! pictures a file has, the more bits their numbers take and the fewer are left to the rest: the directory
//! grows with the file, so that one entry serves files of three pictures and of two million.

use super::vocabulary::WORD_BITS;
use super::{Entry, geometry};
use crate::describe::hash::PerceptualHash;

const MAGIC: &[u8; 8] = b"risfeat\x01";
pub const HEADER: usize = 64;
pub const PICTURE: usize = 41;
pub const ENTRY: usize = 14;
/// Most words have less than that even in a full file: of larger blocks most would be checked for nothing.
pub const BLOCK: usize = 1024;
/// Bits of an entry that a picture's number and the word's rest share.
const SHARED: u32 = 48 - geometry::BITS;
/// Pictures of one file at most.
pub const PICTURES_MAX: usize = 1 << SHARED;
/// Parts of the vocabulary that a merge takes one after the other: no file has fewer buckets.
pub const RANGES: usize = 1 << RANGE_BITS;
const RANGE_BITS: u32 = 15;
const GEOMETRY: u64 = (1 << geometry::BITS) - 1;
/// Entries of a bucket that are aimed at.
const BUCKET: usize = 16;

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
fn bytes<const N: usize>(all: &[u8], at: usize) -> [u8; N] {
    all.get(at..).and_then(|from| from.first_chunk()).copied().unwrap_or([0; N])
}

impl Source {
    #[inline(always)]
    pub(super) fn of(kept: &[u8; PICTURE]) -> Self {
        Self {
            picture: u32::from_le_bytes(bytes(kept, 0)),
            width: u16::from_le_bytes(bytes(kept, 4)),
            height: u16::from_le_bytes(bytes(kept, 6)),
            quality: u8::from_le_bytes(bytes(kept, 8)),
            hash: PerceptualHash(std::array::from_fn(|i| u64::from_le_bytes(bytes(kept, 9 + 8 * i)))),
        }
    }

    pub(super) fn kept(&self) -> [u8; PICTURE] {
        let Self { picture, width, height, quality, hash } = self;
        let mut kept = [0; PICTURE];
        kept[..4].copy_from_slice(&picture.to_le_bytes());
        kept[4..6].copy_from_slice(&width.to_le_bytes());
        kept[6..8].copy_from_slice(&height.to_le_bytes());
        kept[8] = *quality;
        for (place, word) in kept[9..].chunks_exact_mut(8).zip(hash.0) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        kept
    }
}

/// An entry as it is read.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The picture's number within the file.
    pub picture: u32,
    /// The word's bits that its bucket leaves open.
    pub rest: u32,
    /// Its packed keypoint.
    pub geometry: u32,
    /// Its signature.
    pub signature: u64,
}

/// Where the parts of a file begin, and how its entries are packed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    pub pictures: usize,
    pub entries: usize,
    picture_bits: u32,
    bucket_bits: u32,
}

impl Layout {
    pub fn of(pictures: usize, entries: usize) -> Self {
        let picture_bits = pictures.next_power_of_two().trailing_zeros();
        let wanted = (entries / BUCKET).max(1).next_power_of_two().trailing_zeros();
        // The rest must find room beside the picture's number.
        let least = (WORD_BITS + picture_bits).saturating_sub(SHARED).max(RANGE_BITS);
        Self { pictures, entries, picture_bits, bucket_bits: wanted.max(least).min(WORD_BITS) }
    }

    pub fn buckets(&self) -> usize {
        1 << self.bucket_bits
    }

    pub fn directory(&self) -> usize {
        HEADER + PICTURE * self.pictures
    }

    pub fn first_entry(&self) -> usize {
        self.directory() + 4 * (self.buckets() + 1)
    }

    pub fn checksums(&self) -> usize {
        self.first_entry() + ENTRY * self.entries
    }

    pub fn blocks(&self) -> usize {
        self.checksums().div_ceil(BLOCK)
    }

    fn bytes(&self) -> usize {
        self.checksums() + 4 * self.blocks()
    }

    /// Bits of a word that its bucket leaves open.
    pub fn rest_bits(&self) -> u32 {
        WORD_BITS - self.bucket_bits
    }

    pub fn bucket_of(&self, word: u32) -> usize {
        (word as usize) >> self.rest_bits() & (self.buckets() - 1)
    }

    pub fn rest_of(&self, word: u32) -> u32 {
        word & ((1 << self.rest_bits()) - 1)
    }

    pub fn word_of(&self, bucket: usize, rest: u32) -> u32 {
        (bucket as u32) << self.rest_bits() | rest
    }

    pub fn pack(&self, entry: &Entry, picture: u32) -> [u8; ENTRY] {
        let rest = u64::from(self.rest_of(entry.word)) << self.picture_bits;
        let packed = (rest | u64::from(picture)) << geometry::BITS | u64::from(entry.geometry);
        let mut kept = [0; ENTRY];
        kept[..8].copy_from_slice(&packed.to_le_bytes());
        kept[6..].copy_from_slice(&entry.signature.to_le_bytes());
        kept
    }

    #[inline(always)]
    pub fn unpack(&self, kept: &[u8; ENTRY]) -> Found {
        let packed = u64::from_le_bytes(bytes(kept, 0)) & ((1 << 48) - 1);
        let shared = packed >> geometry::BITS;
        Found {
            picture: (shared & ((1 << self.picture_bits) - 1)) as u32,
            rest: (shared >> self.picture_bits) as u32,
            geometry: (packed & GEOMETRY) as u32,
            signature: u64::from_le_bytes(bytes(kept, 6)),
        }
    }

    pub fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let fields = [self.pictures as u64, self.entries as u64, u64::from(self.bucket_bits)];
        header[..8].copy_from_slice(MAGIC);
        for (place, field) in header[8..].chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        header
    }

    /// `None` where the header is not one, or belongs to a file of another length.
    pub fn read(all: &[u8]) -> Option<Self> {
        let header = all.first_chunk::<HEADER>()?;
        let field = |i: usize| usize::try_from(u64::from_le_bytes(bytes(header, 8 * i))).ok();
        let (pictures, entries) = (field(1)?, field(2)?);
        if pictures > PICTURES_MAX || entries > all.len() / ENTRY {
            return None;
        }
        let layout = Self::of(pictures, entries);
        (*header == layout.header() && layout.bytes() == all.len()).then_some(layout)
    }
}
