//! One immutable file of features, read: the pictures, the features of each, and lists of pictures by cell.
//!
//! A block is checked against its checksum when it is first read, so opening costs nothing and a flipped
//! bit is an error, never a wrong answer. The file is mapped: nobody shortens it while it is named by a
//! commit; a disk that is pulled out ends the process, as with every mapped file.

use std::fs::File;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

use super::Sketch;
use super::layout::{BLOCK, Layout, MAGIC, PICTURE, Source, TRAILER, features_of};
use super::lists::{Bucket, Place};
use super::packed::Packed;
use crate::error::{Error, ErrorKind, Result};
use crate::index::committed::{Fingerprint, digest};

/// The bytes of a file.
enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

/// Bytes of checksums at either end that are compared when a file is opened: those of 4 MiB.
const ENDS: usize = 32 << 10;

/// Files from this length on are read from a disk that was not asked before in one go, in their order.
#[cfg(unix)]
const LARGE: usize = 64 << 20;

/// A file of features, open for reading.
pub struct FeatureFile {
    bytes: Bytes,
    layout: Layout,
    /// A bit for each block that was found whole.
    checked: Vec<AtomicU64>,
}

impl FeatureFile {
    /// Maps a file.
    ///
    /// # Errors
    /// `Io`; `Damaged` where it is not such a file, or not whole.
    pub(super) fn of_file(file: &File) -> Result<Self> {
        // SAFETY: files of an index are never changed once written, and readers hold no reference into the
        // map beyond `self`; a file that someone else shortens is the hazard that the module's text names.
        let map = unsafe { Mmap::map(file) }.map_err(Error::io)?;
        Self::of(Bytes::Mapped(map))
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

    /// Features of all pictures.
    pub fn features(&self) -> usize {
        self.layout.features
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A picture, by its number within the file.
    ///
    /// # Errors
    /// `Damaged` where it is not whole, or no picture has this number.
    pub fn source(&self, number: u32) -> Result<Source> {
        let number = number as usize;
        self.sources(number, number + 1)?.first().map(|kept| Source::of(kept)).ok_or_else(damaged)
    }

    /// Pictures that follow each other, as they are kept.
    pub(super) fn sources(&self, from: usize, to: usize) -> Result<&[[u8; PICTURE]]> {
        if to > self.layout.pictures || from > to {
            return Err(damaged());
        }
        let start = self.layout.sources + PICTURE * from;
        Ok(self.read(start..start + PICTURE * (to - from))?.as_chunks().0)
    }

    /// Where the features of a picture are.
    pub(super) fn place_of(&self, number: u32) -> Result<Range<usize>> {
        let number = number as usize;
        let start_of = |number: usize| Ok(features_of(self.sources(number, number + 1)?.first().ok_or_else(damaged)?));
        let start = start_of(number)?;
        let end = if number + 1 == self.layout.pictures { self.layout.lists } else { start_of(number + 1)? };
        if MAGIC.len() <= start && start <= end && end <= self.layout.lists { Ok(start..end) } else { Err(damaged()) }
    }

    /// The features of a picture, as they are kept.
    pub(super) fn packed(&self, number: u32) -> Result<Packed<'_>> {
        Packed::of(self.read(self.place_of(number)?)?).ok_or_else(damaged)
    }

    /// What is kept of a picture's features, in the order of their words.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn sketch(&self, number: u32) -> Result<Sketch> {
        let Source { width, height, .. } = self.source(number)?;
        Ok(self.packed(number)?.sketch(width, height))
    }

    /// Calls `visit` with a bucket of lists.
    ///
    /// # Errors
    /// `Damaged` where it makes no sense, or a block of it is; and then whatever `visit` returns.
    pub(super) fn bucket<T>(&self, number: usize, visit: impl FnOnce(&Bucket<'_>) -> Option<T>) -> Result<T> {
        let place = self.bucket_at(number)?;
        let read = |from: usize, to: usize| {
            let (start, end) = (place.start.checked_add(from)?, place.start.checked_add(to)?);
            if end > place.end { None } else { self.read(start..end).ok() }
        };
        let bucket = Bucket::of(self.layout.cut(), number, place.len(), self.layout.numbers, &read);
        bucket.and_then(|bucket| visit(&bucket)).ok_or_else(damaged)
    }

    /// Where a bucket is.
    pub(super) fn bucket_at(&self, number: usize) -> Result<Range<usize>> {
        if number >= self.layout.cut().buckets() {
            return Err(damaged());
        }
        let start = self.layout.directory() + 4 * number;
        let [from, to] = *self.read(start..start + 8)?.as_chunks::<4>().0.first_chunk().ok_or_else(damaged)?;
        let (from, to) = (u32::from_le_bytes(from) as usize, u32::from_le_bytes(to) as usize);
        let (from, to) = (self.layout.lists + from, self.layout.lists + to);
        if from > to || to > self.layout.sources { Err(damaged()) } else { Ok(from..to) }
    }

    /// Adds the numbers of a place that are below `until` to `numbers`, and maybe more.
    ///
    /// # Errors
    /// `Damaged`.
    pub(super) fn numbers(&self, bucket: usize, place: &Place, until: u64, numbers: &mut Vec<u64>) -> Result<()> {
        self.bucket(bucket, |bucket| bucket.numbers(place, until, numbers))
    }

    /// Checks every block.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn check_all(&self) -> Result<()> {
        self.read(0..self.layout.checksums()).map(drop)
    }

    /// Checks every block, and that all that is kept can be read.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn verify(&self) -> Result<()> {
        self.check_all()?;
        let mut features = 0;
        for number in 0..u32::try_from(self.pictures()).map_err(|_| damaged())? {
            let packed = self.packed(number)?;
            features += packed.count();
            if packed.entries().count() < packed.count() {
                return Err(damaged());
            }
        }
        let (mut end, mut all, mut numbers) = (self.layout.lists, 0, Vec::new());
        for bucket in 0..self.layout.cut().buckets() {
            let place = self.bucket_at(bucket)?;
            if std::mem::replace(&mut end, place.end) != place.start {
                return Err(damaged());
            }
            numbers.clear();
            self.bucket(bucket, |bucket| {
                bucket.is_sound().then_some(())?;
                bucket.numbers(&bucket.whole()?, u64::MAX, &mut numbers)
            })?;
            all += numbers.len();
            let is_known = |number: &u64| (self.layout.cut().picture_of(*number) as usize) < self.pictures();
            if !numbers.iter().all(is_known) {
                return Err(damaged());
            }
        }
        let is_all = end == self.layout.sources && all == self.layout.numbers && features == self.layout.features;
        if is_all { Ok(()) } else { Err(damaged()) }
    }

    /// What the file is.
    ///
    /// # Errors
    /// `Damaged`.
    pub(super) fn fingerprint(&self) -> Result<Fingerprint> {
        let (trailer, sums) = self.told()?;
        let ends = (sums.len() > 2 * ENDS).then(|| Self::ends(trailer, sums));
        Ok(Fingerprint { length: self.bytes.all().len() as u64, digest: digest(&[trailer, sums]), ends })
    }

    /// Whether the file is this one. Of a long one the first and last checksums are compared: all of a million pictures
    /// would be 40 MB.
    pub(super) fn is(&self, expected: &Fingerprint) -> bool {
        let Ok((trailer, sums)) = self.told() else { return false };
        let of_ends = expected.ends.as_ref().filter(|_| sums.len() > 2 * ENDS);
        let is_so = match of_ends {
            Some(ends) => *ends == Self::ends(trailer, sums),
            None => expected.digest == digest(&[trailer, sums]),
        };
        is_so && expected.length == self.bytes.all().len() as u64
    }

    fn ends(trailer: &[u8], sums: &[u8]) -> String {
        let (first, last) = (sums.get(..ENDS), sums.len().checked_sub(ENDS).and_then(|start| sums.get(start..)));
        digest(&[trailer, first.unwrap_or_default(), last.unwrap_or_default()])
    }

    /// The trailer and the checksums, as they stand in the file.
    fn told(&self) -> Result<(&[u8], &[u8])> {
        let (content, sums) = self.bytes.all().split_at_checked(self.layout.checksums()).ok_or_else(damaged)?;
        let trailer: &[u8] = content.last_chunk::<TRAILER>().ok_or_else(damaged)?;
        Ok((trailer, sums))
    }

    /// A part of the file, its blocks checked.
    #[inline]
    pub(super) fn read(&self, part: Range<usize>) -> Result<&[u8]> {
        if part.start > part.end || part.end > self.layout.checksums() {
            return Err(damaged());
        }
        for block in part.start / BLOCK..part.end.div_ceil(BLOCK) {
            let (cell, bit) = (self.checked.get(block / 64).ok_or_else(damaged)?, 1 << (block % 64));
            if cell.load(Ordering::Relaxed) & bit == 0 {
                self.check(block)?;
                cell.fetch_or(bit, Ordering::Relaxed);
            }
        }
        self.bytes.all().get(part).ok_or_else(damaged)
    }

    #[cold]
    fn check(&self, block: usize) -> Result<()> {
        let (all, end) = (self.bytes.all(), self.layout.checksums());
        let content = all.get(block * BLOCK..end.min((block + 1) * BLOCK)).ok_or_else(damaged)?;
        match all.get(end + 4 * block..).and_then(|sums| sums.first_chunk()) {
            Some(&sum) if u32::from_le_bytes(sum) == crc32fast::hash(content) => Ok(()),
            _ => Err(damaged()),
        }
    }

    /// Tells the system which parts of the file will be read, in their order, so that a disk is asked for all of them at once.
    pub(super) fn announce(&self, parts: impl Iterator<Item = Range<usize>> + Clone) {
        #[cfg(unix)]
        if let Bytes::Mapped(map) = &self.bytes
            && map.len() >= LARGE
        {
            let is_there = |part: Range<usize>| is_resident(map, part.start);
            // Of a file that was read a moment ago all is in memory, and to say so for each part would take longer than to read it.
            let count = parts.clone().count();
            if parts.clone().step_by((count / SAMPLES).max(1)).all(is_there) {
                return;
            }
            let mut parts = parts.filter(|part| part.end <= map.len() && !part.is_empty()).peekable();
            while let Some(mut part) = parts.next() {
                // What the system would read ahead anyway is one part.
                let is_near = |part: &Range<usize>, next: &Range<usize>| {
                    next.start >= part.start && next.start <= part.end + NEIGHBOURS
                };
                while let Some(next) = parts.next_if(|next| is_near(&part, next)) {
                    part.end = part.end.max(next.end);
                }
                // It is a hint: what comes of it is seen when the part is read.
                let _ = map.advise_range(memmap2::Advice::WillNeed, part.start, part.len());
            }
        }
        #[cfg(not(unix))]
        let _ = parts;
    }
}

/// Parts that are looked for in memory before a disk is asked for all.
#[cfg(unix)]
const SAMPLES: usize = 32;

/// Whether a byte of a map is in memory, as far as the system tells.
#[cfg(unix)]
fn is_resident(map: &Mmap, at: usize) -> bool {
    let Some(bytes) = map.get(at..) else { return true };
    let page = page_size();
    let start = bytes.as_ptr().map_addr(|address| address & !(page - 1));
    let mut resident = 0u8;
    // SAFETY: the page begins within the map, which lives as long as the call, and one byte is written for one page.
    let asked = unsafe { libc::mincore(start.cast_mut().cast(), 1, (&raw mut resident).cast()) };
    asked != 0 || resident & 1 == 1
}

#[cfg(unix)]
fn page_size() -> usize {
    // SAFETY: it asks for a number.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Bytes between two parts that are read as one.
#[cfg(unix)]
const NEIGHBOURS: usize = 16 << 10;

impl Bytes {
    fn all(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

pub(super) fn damaged() -> Error {
    Error::new(ErrorKind::Damaged, "damaged features: `ris verify` says which and what to do")
}
