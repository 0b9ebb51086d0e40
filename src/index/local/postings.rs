//! One immutable file of features: the entries of up to 65,536 pictures, by visual word.
//!
//! ```text
//! header     64 bytes: magic, version, counts
//! pictures   8 bytes each: number (u32), width and height of what was described (u16 each)
//! directory  4 bytes a bucket and 4 more: the entry at which each bucket begins
//! entries    14 bytes each: picture (u16), geometry and the word's rest (u32), signature (u64)
//! checksums  4 bytes for each 1 KiB of all above (CRC-32), and one of these
//! ```
//!
//! All numbers are little-endian. Entries are in the order of their words. A bucket holds those of the words
//! that share their upper bits, about sixteen, but there are 32,768 buckets at least; the word's lower bits
//! (its rest, five at most) stand in the entry.
//!
//! A block is checked against its checksum when it is first read, so opening costs nothing and a flipped
//! bit is an error, never a wrong answer. The file is mapped: nobody shortens it while it is named by a
//! commit; a disk that is pulled out ends the process, as with every mapped file.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

use super::vocabulary::WORD_BITS;
use super::{Entry, Sketch, geometry};
use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8; 8] = b"risfeat\x01";
const HEADER: usize = 64;
const PICTURE: usize = 8;
const ENTRY: usize = 14;
/// A word has some 300 bytes in a full file: of larger blocks most would be checked for nothing.
const BLOCK: usize = 1024;
/// Pictures of one file at most: their numbers within it have 16 bits.
pub const PICTURES_MAX: usize = 1 << 16;
/// Bits of a word that an entry keeps beside its geometry.
const REST: u32 = 32 - geometry::BITS;
const GEOMETRY: u32 = (1 << geometry::BITS) - 1;
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
}

/// An entry as it is read.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The picture's number within the file.
    pub picture: u16,
    /// Its packed keypoint.
    pub geometry: u32,
    /// Its signature.
    pub signature: u64,
}

impl Found {
    /// An entry as it stands in the file: its geometry is below the word's rest.
    fn of(&[p, q, a, b, c, d, s0, s1, s2, s3, s4, s5, s6, s7]: &[u8; ENTRY]) -> Self {
        Self {
            picture: u16::from_le_bytes([p, q]),
            geometry: u32::from_le_bytes([a, b, c, d]),
            signature: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
        }
    }
}

/// Where the parts of a file begin.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Layout {
    pictures: usize,
    entries: usize,
    bucket_bits: u32,
}

impl Layout {
    fn of(pictures: usize, entries: usize) -> Self {
        let buckets = (entries / BUCKET).max(1).next_power_of_two();
        Self { pictures, entries, bucket_bits: buckets.trailing_zeros().clamp(WORD_BITS - REST, WORD_BITS) }
    }

    fn buckets(&self) -> usize {
        1 << self.bucket_bits
    }

    fn directory(&self) -> usize {
        HEADER + PICTURE * self.pictures
    }

    fn first_entry(&self) -> usize {
        self.directory() + 4 * (self.buckets() + 1)
    }

    fn checksums(&self) -> usize {
        self.first_entry() + ENTRY * self.entries
    }

    fn blocks(&self) -> usize {
        self.checksums().div_ceil(BLOCK)
    }

    fn bytes(&self) -> usize {
        self.checksums() + 4 * (self.blocks() + 1)
    }

    fn bucket_of(&self, word: u32) -> usize {
        (word as usize) >> (WORD_BITS - self.bucket_bits) & (self.buckets() - 1)
    }

    fn rest_of(&self, word: u32) -> u32 {
        word & ((1 << (WORD_BITS - self.bucket_bits)) - 1)
    }

    fn word_of(&self, bucket: usize, rest: u32) -> u32 {
        (bucket as u32) << (WORD_BITS - self.bucket_bits) | rest
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let fields = [self.pictures as u64, self.entries as u64, u64::from(self.bucket_bits)];
        header[..8].copy_from_slice(MAGIC);
        for (place, field) in header[8..].chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        header
    }

    /// `None` where the header is not one, or belongs to a file of another length.
    fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER>()?;
        let field = |i: usize| header.get(8 * i..)?.first_chunk().map(|field| u64::from_le_bytes(*field));
        let (pictures, entries) = (usize::try_from(field(1)?).ok()?, usize::try_from(field(2)?).ok()?);
        if pictures > PICTURES_MAX || entries > bytes.len() / ENTRY {
            return None;
        }
        let layout = Self::of(pictures, entries);
        (*header == layout.header() && layout.bytes() == bytes.len()).then_some(layout)
    }
}

/// An entry and the number of its picture within the file.
type Numbered = (Entry, u16);

/// Sorts the entries of many pictures and writes their file. Pictures beyond [`PICTURES_MAX`] are left out.
///
/// Memory: 24 bytes an entry beside the sketches.
///
/// # Errors
/// Those of `out`.
pub fn write(out: impl Write, pictures: &[(u32, Sketch)]) -> Result<()> {
    let pictures = pictures.get(..PICTURES_MAX).unwrap_or(pictures);
    let source =
        |(picture, sketch): &(u32, Sketch)| Source { picture: *picture, width: sketch.width, height: sketch.height };
    let sources: Vec<_> = pictures.iter().map(source).collect();
    let mut entries: Vec<Numbered> = Vec::with_capacity(pictures.iter().map(|(_, sketch)| sketch.entries.len()).sum());
    for (number, (_, sketch)) in (0..=u16::MAX).zip(pictures) {
        entries.extend(sketch.entries.iter().map(|&entry| (entry, number)));
    }
    entries.sort_unstable();
    let mut counts = Counts::new();
    entries.iter().for_each(|(entry, _)| counts.add(entry.word));
    let mut out = Output::begin(out, &sources, &counts)?;
    for entry in &entries {
        out.entry(entry)?;
    }
    out.finish()
}

/// Writes one file that holds the pictures of several, without those that `keep` does not want.
///
/// Memory: 4 MiB, 8 bytes a picture, and the entries of one word in 32,768. Returns how many pictures it
/// holds; beyond [`PICTURES_MAX`] they are left out, so callers merge no more than that.
///
/// # Errors
/// Those of `out`; `Damaged` where a file is.
pub fn merge(out: impl Write, files: &[&Postings], keep: &dyn Fn(u32) -> bool) -> Result<usize> {
    let mut sources = Vec::new();
    let numbers: Vec<Vec<Option<u16>>> = files
        .iter()
        .map(|file| {
            let number = |source: &Source| {
                let number = u16::try_from(sources.len()).ok().filter(|_| keep(source.picture))?;
                sources.push(*source);
                Some(number)
            };
            file.sources.iter().map(number).collect()
        })
        .collect();
    let each = |range: usize, take: &mut dyn FnMut(Numbered)| -> Result<()> {
        for (file, numbers) in files.iter().zip(&numbers) {
            file.of_range(range, &mut |entry, number| {
                if let Some(Some(number)) = numbers.get(usize::from(number)) {
                    take((entry, *number));
                }
            })?;
        }
        Ok(())
    };
    let mut counts = Counts::new();
    for range in 0..RANGES {
        each(range, &mut |(entry, _)| counts.add(entry.word))?;
    }
    let mut out = Output::begin(out, &sources, &counts)?;
    let mut entries = Vec::new();
    for range in 0..RANGES {
        entries.clear();
        each(range, &mut |entry| entries.push(entry))?;
        entries.sort_unstable();
        for entry in &entries {
            out.entry(entry)?;
        }
    }
    out.finish()?;
    Ok(sources.len())
}

/// Parts of the vocabulary that a merge takes one after the other: no file has fewer buckets.
const RANGES: usize = 1 << (WORD_BITS - REST);

/// Entries of each word.
struct Counts(Vec<u32>);

impl Counts {
    fn new() -> Self {
        Self(vec![0; 1 << WORD_BITS])
    }

    fn add(&mut self, word: u32) {
        if let Some(count) = self.0.get_mut(word as usize) {
            *count += 1;
        }
    }
}

/// A file in the making.
struct Output<W> {
    out: Checked<W>,
    layout: Layout,
}

impl<W: Write> Output<W> {
    /// Writes all that stands before the entries.
    fn begin(out: W, sources: &[Source], counts: &Counts) -> Result<Self> {
        let layout = Layout::of(sources.len(), counts.0.iter().map(|&count| count as usize).sum());
        let mut out = Checked { out, block: Vec::with_capacity(BLOCK), sums: Vec::new() };
        out.put(&layout.header())?;
        for source in sources {
            out.put(&source.picture.to_le_bytes())?;
            out.put(&source.width.to_le_bytes())?;
            out.put(&source.height.to_le_bytes())?;
        }
        let mut next = 0u32;
        for words in counts.0.chunks(1 << (WORD_BITS - layout.bucket_bits)) {
            out.put(&next.to_le_bytes())?;
            next += words.iter().sum::<u32>();
        }
        out.put(&next.to_le_bytes())?;
        Ok(Self { out, layout })
    }

    fn entry(&mut self, (entry, number): &Numbered) -> Result<()> {
        let kept = self.layout.rest_of(entry.word) << geometry::BITS | entry.geometry;
        self.out.put(&number.to_le_bytes())?;
        self.out.put(&kept.to_le_bytes())?;
        self.out.put(&entry.signature.to_le_bytes())
    }

    fn finish(self) -> Result<()> {
        self.out.finish()
    }
}

/// Writes blocks and remembers their checksums.
struct Checked<W> {
    out: W,
    block: Vec<u8>,
    sums: Vec<u8>,
}

impl<W: Write> Checked<W> {
    fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == BLOCK {
                self.end_block()?;
            }
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<()> {
        self.out.write_all(&self.block).map_err(Error::io)?;
        self.sums.extend(crc32fast::hash(&self.block).to_le_bytes());
        self.block.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        self.sums.extend(crc32fast::hash(&self.sums).to_le_bytes());
        self.out.write_all(&self.sums).and_then(|()| self.out.flush()).map_err(Error::io)
    }
}

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
    sources: Vec<Source>,
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
        let mut postings = Self { bytes, layout, checked, sources: Vec::new() };
        let pictures = postings.read(HEADER, PICTURE * layout.pictures)?.as_chunks::<PICTURE>().0;
        let source = |&[a, b, c, d, e, f, g, h]: &[u8; PICTURE]| Source {
            picture: u32::from_le_bytes([a, b, c, d]),
            width: u16::from_le_bytes([e, f]),
            height: u16::from_le_bytes([g, h]),
        };
        postings.sources = pictures.iter().map(source).collect();
        Ok(postings)
    }

    /// The pictures, by their numbers within the file.
    pub fn sources(&self) -> &[Source] {
        &self.sources
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
            let entry = Found::of(entry);
            if entry.geometry >> geometry::BITS == rest {
                count += 1;
                found(Found { geometry: entry.geometry & GEOMETRY, ..entry });
            }
        }
        Ok(count)
    }

    /// Calls `found` with each entry of one of [`RANGES`] parts of the vocabulary, and its picture's number.
    fn of_range(&self, range: usize, found: &mut dyn FnMut(Entry, u16)) -> Result<()> {
        let share = self.layout.buckets() / RANGES;
        for bucket in range * share..(range + 1) * share {
            for entry in self.buckets(bucket, bucket + 1)? {
                let Found { picture, geometry, signature } = Found::of(entry);
                let word = self.layout.word_of(bucket, geometry >> geometry::BITS);
                found(Entry { word, geometry: geometry & GEOMETRY, signature }, picture);
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
    Error::new(ErrorKind::Damaged, "damaged features: `ris verify` says which and what to do")
}
