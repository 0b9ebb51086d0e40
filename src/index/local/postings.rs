//! One immutable file of features, read: the pictures, and their entries by visual word.
//!
//! A block is checked against its checksum when it is first read, so opening costs nothing and a flipped
//! bit is an error, never a wrong answer. The file is mapped: nobody shortens it while it is named by a
//! commit; a disk that is pulled out ends the process, as with every mapped file.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

use super::Entry;
use super::layout::{BLOCK, ENTRY, Found, HEADER, Layout, PICTURE, RANGES, Source};
use crate::error::{Error, ErrorKind, Result};

/// The bytes of a file.
enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

/// A file of features, open for reading.
pub struct Postings {
    bytes: Bytes,
    layout: Layout,
    /// A bit for each block that was found whole.
    checked: Vec<AtomicU64>,
}

impl Postings {
    /// Maps a file.
    ///
    /// # Errors
    /// `Io`; `Damaged` where it is not such a file, or not whole.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(error).about(path))?;
        // SAFETY: files of an index are never changed once written, and readers hold no reference into the
        // map beyond `self`; a file that someone else shortens is the hazard that the module's text names.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io(error).about(path))?;
        Self::of(Bytes::Mapped(map)).map_err(|error| error.about(path))
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// `Damaged` where they are not such a file, or not whole.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Self::of(Bytes::Owned(bytes))
    }

    fn of(bytes: Bytes) -> Result<Self> {
        let layout = Layout::read(bytes.all()).ok_or_else(damaged)?;
        let sums = bytes.all().get(layout.checksums()..).ok_or_else(damaged)?;
        let (sums, own) = sums.split_last_chunk::<4>().ok_or_else(damaged)?;
        if crc32fast::hash(sums) != u32::from_le_bytes(*own) {
            return Err(damaged());
        }
        let checked = (0..layout.blocks().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { bytes, layout, checked })
    }

    /// Number of pictures.
    pub fn pictures(&self) -> usize {
        self.layout.pictures
    }

    /// A picture, by its number within the file.
    ///
    /// # Errors
    /// `Damaged` where it is not whole, or no picture has this number.
    pub fn source(&self, number: u32) -> Result<Source> {
        let number = number as usize;
        self.sources(number, number + 1)?.first().map(Source::of).ok_or_else(damaged)
    }

    /// Pictures that follow each other, as they are kept.
    pub(super) fn sources(&self, from: usize, to: usize) -> Result<&[[u8; PICTURE]]> {
        if to > self.layout.pictures || from > to {
            return Err(damaged());
        }
        Ok(self.read(HEADER + PICTURE * from, PICTURE * (to - from))?.as_chunks().0)
    }

    /// Number of entries.
    pub fn entries(&self) -> usize {
        self.layout.entries
    }

    /// Calls `found` with each entry of a word; returns how many there were.
    ///
    /// # Errors
    /// `Damaged` where a block that is read does not agree with its checksum.
    #[inline(always)]
    pub fn of_word(&self, word: u32, mut found: impl FnMut(Found)) -> Result<usize> {
        let bucket = self.layout.bucket_of(word);
        let (rest, mut count) = (self.layout.rest_of(word), 0);
        for entry in self.buckets(bucket, bucket + 1)? {
            let entry = self.layout.unpack(entry);
            if entry.rest == rest {
                count += 1;
                found(entry);
            }
        }
        Ok(count)
    }

    /// Calls `found` with each entry of one of [`RANGES`] parts of the vocabulary, and its picture's number.
    pub(super) fn of_range(&self, range: usize, found: &mut dyn FnMut(Entry, u32)) -> Result<()> {
        let share = self.layout.buckets() / RANGES;
        for bucket in range * share..(range + 1) * share {
            for entry in self.buckets(bucket, bucket + 1)? {
                let Found { picture, rest, geometry, signature } = self.layout.unpack(entry);
                found(Entry { word: self.layout.word_of(bucket, rest), geometry, signature }, picture);
            }
        }
        Ok(())
    }

    /// The entries of buckets that follow each other.
    fn buckets(&self, from: usize, to: usize) -> Result<&[[u8; ENTRY]]> {
        let end = |bucket: usize| -> Result<usize> {
            let entry = self.read(self.layout.directory() + 4 * bucket, 4)?.first_chunk().ok_or_else(damaged)?;
            Ok(u32::from_le_bytes(*entry) as usize)
        };
        let (from, to) = (end(from)?, end(to)?);
        if from > to || to > self.layout.entries {
            return Err(damaged());
        }
        Ok(self.read(self.layout.first_entry() + ENTRY * from, ENTRY * (to - from))?.as_chunks().0)
    }

    /// Checks every block.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn verify(&self) -> Result<()> {
        self.read(0, self.layout.checksums()).map(drop)
    }

    /// A part of the file, its blocks checked.
    fn read(&self, start: usize, length: usize) -> Result<&[u8]> {
        let all = self.bytes.all();
        let end = start.checked_add(length).filter(|&end| end <= self.layout.checksums()).ok_or_else(damaged)?;
        for block in start / BLOCK..end.div_ceil(BLOCK) {
            let (cell, bit) = (self.checked.get(block / 64).ok_or_else(damaged)?, 1 << (block % 64));
            if cell.load(Ordering::Relaxed) & bit == 0 {
                let last = ((block + 1) * BLOCK).min(self.layout.checksums());
                let content = all.get(block * BLOCK..last).ok_or_else(damaged)?;
                let sum = all.get(self.layout.checksums() + 4 * block..).and_then(|sums| sums.first_chunk());
                if sum.is_none_or(|&sum| u32::from_le_bytes(sum) != crc32fast::hash(content)) {
                    return Err(damaged());
                }
                cell.fetch_or(bit, Ordering::Relaxed);
            }
        }
        all.get(start..end).ok_or_else(damaged)
    }
}

impl Bytes {
    fn all(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

fn damaged() -> Error {
    Error::new(ErrorKind::Damaged, "damaged features: index the pictures again, into another folder")
}
