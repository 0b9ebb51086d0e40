//! One immutable file of features, read: the pictures, and their entries by visual word.
//!
//! A block is checked against its checksum when it is first read, so opening costs nothing and a flipped
//! bit is an error, never a wrong answer. The file is mapped: nobody shortens it while it is named by a
//! commit; a disk that is pulled out ends the process, as with every mapped file. A search reads lists into
//! a buffer instead: they lie far apart, and the system takes longer to map a page and its neighbours, and
//! to unmap them, than to copy a list.

use std::fs::File;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

use super::Entry;
use super::layout::{BLOCK, ENTRY, Found, HEADER, Layout, PICTURE, RANGES, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::index::committed::{Fingerprint, digest};

/// The bytes of a file.
enum Bytes {
    Mapped(Mmap, File),
    Owned(Vec<u8>),
}

/// Entries that are read at a time: with their blocks they stay in the second-level cache.
const AT_A_TIME: usize = 4096;

/// Bytes of checksums at either end that are compared when a file is opened: those of 8 MiB.
const ENDS: usize = 32 << 10;

/// What lists are read into.
pub struct Buffer(Vec<u8>);

impl Buffer {
    pub fn new() -> Self {
        Self(vec![0; AT_A_TIME * ENTRY + 2 * BLOCK])
    }
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
    pub(super) fn of_file(file: File) -> Result<Self> {
        // SAFETY: files of an index are never changed once written, and readers hold no reference into the
        // map beyond `self`; a file that someone else shortens is the hazard that the module's text names.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io)?;
        Self::of(Bytes::Mapped(map, file))
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

    /// Where the lists of all words are.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn lists(&self) -> Result<Lists<'_>> {
        let directory = self.read(self.layout.directory(), 4 * (self.layout.buckets() + 1))?.as_chunks().0;
        Ok(Lists { file: self, directory })
    }

    /// Checks every block, and that each list begins where the one before it ends.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn verify(&self) -> Result<()> {
        self.read(0, self.layout.checksums())?;
        let lists = self.lists()?;
        let mut end = 0;
        for bucket in 0..self.layout.buckets() {
            end = Some(lists.bucket(bucket)?).filter(|list| list.start == end).ok_or_else(damaged)?.end;
        }
        if end == self.layout.entries { Ok(()) } else { Err(damaged()) }
    }

    /// What the file is.
    ///
    /// # Errors
    /// `Damaged`.
    pub(super) fn fingerprint(&self) -> Result<Fingerprint> {
        let (header, sums) = self.told()?;
        let ends = (sums.len() > 2 * ENDS).then(|| Self::ends(header, sums));
        Ok(Fingerprint { length: self.bytes.all().len() as u64, digest: digest(&[header, sums]), ends })
    }

    /// Whether the file is this one. Of a long one the first and last checksums are compared: all of a million pictures
    /// would be 20 MB.
    pub(super) fn is(&self, expected: &Fingerprint) -> bool {
        let Ok((header, sums)) = self.told() else { return false };
        let of_ends = expected.ends.as_ref().filter(|_| sums.len() > 2 * ENDS);
        let is_so = match of_ends {
            Some(ends) => *ends == Self::ends(header, sums),
            None => expected.digest == digest(&[header, sums]),
        };
        is_so && expected.length == self.bytes.all().len() as u64
    }

    fn ends(header: &[u8], sums: &[u8]) -> String {
        let (first, last) = (sums.get(..ENDS), sums.len().checked_sub(ENDS).and_then(|start| sums.get(start..)));
        digest(&[header, first.unwrap_or_default(), last.unwrap_or_default()])
    }

    /// The header and the checksums, as they stand in the file.
    fn told(&self) -> Result<(&[u8], &[u8])> {
        let all = self.bytes.all();
        all.get(..HEADER).zip(all.get(self.layout.checksums()..)).ok_or_else(damaged)
    }

    /// A part of the file, its blocks checked.
    fn read(&self, start: usize, length: usize) -> Result<&[u8]> {
        let end = start.checked_add(length).filter(|&end| end <= self.layout.checksums()).ok_or_else(damaged)?;
        let all = self.bytes.all();
        for block in start / BLOCK..end.div_ceil(BLOCK) {
            let (cell, bit) = (self.checked.get(block / 64).ok_or_else(damaged)?, 1 << (block % 64));
            if cell.load(Ordering::Relaxed) & bit == 0 {
                let last = ((block + 1) * BLOCK).min(self.layout.checksums());
                self.check(block, all.get(block * BLOCK..last).ok_or_else(damaged)?)?;
                cell.fetch_or(bit, Ordering::Relaxed);
            }
        }
        all.get(start..end).ok_or_else(damaged)
    }

    fn check(&self, block: usize, content: &[u8]) -> Result<()> {
        let sum = self.bytes.all().get(self.layout.checksums() + 4 * block..).and_then(|sums| sums.first_chunk());
        match sum {
            Some(&sum) if u32::from_le_bytes(sum) == crc32fast::hash(content) => Ok(()),
            _ => Err(damaged()),
        }
    }

    /// The same through a buffer, for parts that are not near each other.
    fn read_into<'a>(&'a self, start: usize, length: usize, Buffer(buffer): &'a mut Buffer) -> Result<&'a [u8]> {
        let Bytes::Mapped(_, file) = &self.bytes else { return self.read(start, length) };
        let first = start / BLOCK;
        let end = ((start + length).div_ceil(BLOCK) * BLOCK).min(self.layout.checksums());
        let blocks = end.checked_sub(first * BLOCK).and_then(|length| buffer.get_mut(..length)).ok_or_else(damaged)?;
        if !read_at(file, blocks, (first * BLOCK) as u64)? {
            return self.read(start, length);
        }
        for (block, content) in (first..).zip(blocks.chunks(BLOCK)) {
            self.check(block, content)?;
        }
        blocks.get(start - first * BLOCK..).and_then(|from| from.get(..length)).ok_or_else(damaged)
    }
}

/// Fills `buffer` from the file; `false` where the system has no way to.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> Result<bool> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset).map(|()| true).map_err(Error::io);
    #[cfg(not(unix))]
    return Ok(false);
}

/// Where the lists of a file are.
pub struct Lists<'a> {
    file: &'a Postings,
    directory: &'a [[u8; 4]],
}

impl Lists<'_> {
    /// Entries of all lists.
    pub fn entries(&self) -> usize {
        self.file.entries()
    }

    /// Whether the entries of a word stand behind those of a word before it. Where they don't, the same entries would be
    /// read for each word of a query, and vote for all.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn follows(&self, before: u32, word: u32) -> Result<bool> {
        let layout = &self.file.layout;
        Ok(layout.bucket_of(before) == layout.bucket_of(word) || self.list(before)?.end <= self.list(word)?.start)
    }

    /// The entries among which those of a word are.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn list(&self, word: u32) -> Result<Range<usize>> {
        self.bucket(self.file.layout.bucket_of(word))
    }

    fn bucket(&self, bucket: usize) -> Result<Range<usize>> {
        let [from, to] = self.directory.get(bucket..).and_then(|from| from.first_chunk()).ok_or_else(damaged)?;
        let (from, to) = (u32::from_le_bytes(*from) as usize, u32::from_le_bytes(*to) as usize);
        if from > to || to > self.file.layout.entries { Err(damaged()) } else { Ok(from..to) }
    }

    /// Calls `found` with each entry of a word; returns how many there were.
    ///
    /// # Errors
    /// `Damaged` where a block that is read does not agree with its checksum; `Io`.
    #[inline(always)]
    pub fn of_word(&self, word: u32, buffer: &mut Buffer, mut found: impl FnMut(Found)) -> Result<usize> {
        let layout = &self.file.layout;
        let (list, rest, mut count) = (self.list(word)?, layout.rest_of(word), 0);
        for from in list.clone().step_by(AT_A_TIME) {
            let entries = AT_A_TIME.min(list.end - from);
            let bytes = self.file.read_into(layout.first_entry() + ENTRY * from, ENTRY * entries, buffer)?;
            for entry in bytes.as_chunks().0 {
                let entry = layout.unpack(entry);
                if entry.rest == rest {
                    count += 1;
                    found(entry);
                }
            }
        }
        Ok(count)
    }

    /// Calls `found` with each entry of one of [`RANGES`] parts of the vocabulary, and its picture's number.
    pub(super) fn of_range(&self, range: usize, found: &mut dyn FnMut(Entry, u32)) -> Result<()> {
        let layout = &self.file.layout;
        let share = layout.buckets() / RANGES;
        for bucket in range * share..(range + 1) * share {
            let list = self.bucket(bucket)?;
            let bytes = self.file.read(layout.first_entry() + ENTRY * list.start, ENTRY * list.len())?;
            for entry in bytes.as_chunks().0 {
                let Found { picture, rest, geometry, signature } = layout.unpack(entry);
                found(Entry { word: layout.word_of(bucket, rest), geometry, signature }, picture);
            }
        }
        Ok(())
    }
}

impl Bytes {
    fn all(&self) -> &[u8] {
        match self {
            Self::Mapped(map, _) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

pub(super) fn damaged() -> Error {
    Error::new(ErrorKind::Damaged, "damaged features: `ris verify` says which and what to do")
}
