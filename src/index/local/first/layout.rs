//! How a file of features of the first format was laid out: an entry for each feature under its word, with its picture.
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

use super::super::geometry;
use super::super::vocabulary::WORD_BITS;

pub const MAGIC: &[u8; 8] = b"risfeat\x01";
pub const HEADER: usize = 64;
pub const PICTURE: usize = 41;
pub const ENTRY: usize = 14;
pub const BLOCK: usize = 1024;
/// Bits of an entry that a picture's number and the word's rest share.
const SHARED: u32 = 48 - geometry::BITS;
/// Pictures of one file at most.
pub const PICTURES_MAX: usize = 1 << SHARED;
/// Bits of a word that tell buckets at least.
const BUCKET_BITS_LEAST: u32 = 15;
const GEOMETRY: u64 = (1 << geometry::BITS) - 1;
/// Entries of a bucket that are aimed at.
const BUCKET: usize = 16;

/// The bytes that begin at `at`; zeros where there are fewer.
#[inline(always)]
fn bytes<const N: usize>(all: &[u8], at: usize) -> [u8; N] {
    all.get(at..).and_then(|from| from.first_chunk()).copied().unwrap_or([0; N])
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
        let least = (WORD_BITS + picture_bits).saturating_sub(SHARED).max(BUCKET_BITS_LEAST);
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

    pub fn word_of(&self, bucket: usize, rest: u32) -> u32 {
        (bucket as u32) << self.rest_bits() | rest
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
