//! Files of tantivy's with a checksum for each block, since tantivy checks its files only when asked.
//!
//! ```text
//! content    what tantivy wrote
//! checksums  4 bytes for each 4 KiB of it (CRC-32)
//! trailer    16 bytes: length of the content (u64), CRC-32 of checksums and length (u32), magic
//! ```
//!
//! A block is checked when it is first read: opening a file costs a look at its checksums, and a flipped bit is
//! an error, never a wrong answer. Small files that are replaced in one step (`meta.json`) end in a line with
//! their checksum and are checked whole.

use std::fmt;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use tantivy::HasLen;
use tantivy::directory::{FileHandle, OwnedBytes};

use super::committed::{Fingerprint, digest};

/// tantivy reads whole columns and dictionaries, or blocks of 16 KiB of its store.
const BLOCK: usize = 4096;
const MAGIC: &[u8; 4] = b"risc";
const TRAILER: usize = 16;
/// What stands before the checksum at the end of a small file.
const SUM_LINE: &[u8] = b"\ncrc32 ";

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes content and remembers the checksums of its blocks.
pub(super) struct Writing<W> {
    out: W,
    length: u64,
    hasher: crc32fast::Hasher,
    in_block: usize,
    sums: Vec<u8>,
}

impl<W: Write> Writing<W> {
    /// Adds checksums to what is written to `out`, a block at a time.
    pub fn to(out: W) -> Self {
        Self { out, length: 0, hasher: crc32fast::Hasher::new(), in_block: 0, sums: Vec::new() }
    }

    fn end_block(&mut self) {
        let sum = std::mem::take(&mut self.hasher).finalize();
        self.sums.extend(sum.to_le_bytes());
        self.in_block = 0;
    }

    /// Writes what stands behind the content, and tells what the file is.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(&mut self) -> io::Result<Fingerprint> {
        if self.in_block > 0 {
            self.end_block();
        }
        let content = self.length;
        self.sums.extend(content.to_le_bytes());
        let own = crc32fast::hash(&self.sums);
        self.sums.extend(own.to_le_bytes());
        self.sums.extend(MAGIC);
        self.out.write_all(&self.sums)?;
        self.out.flush()?;
        Ok(Fingerprint { length: content + self.sums.len() as u64, digest: digest(&[&self.sums]), ends: None })
    }

    pub fn inner(&self) -> &W {
        &self.out
    }
}

impl<W: Write> Write for Writing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let now = bytes.get(..BLOCK - self.in_block).unwrap_or(bytes);
        let written = self.out.write(now)?;
        self.hasher.update(now.get(..written).unwrap_or(now));
        self.length += written as u64;
        self.in_block += written;
        if self.in_block == BLOCK {
            self.end_block();
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A file with checksums, open for reading.
pub(super) struct Reading {
    all: OwnedBytes,
    length: usize,
    /// A bit for each block that was found whole.
    checked: Vec<AtomicU64>,
}

impl Reading {
    /// Opens a file whose bytes are `all`.
    ///
    /// # Errors
    /// `InvalidData` where its end is not what [`Writing`] leaves.
    pub fn of(all: OwnedBytes) -> io::Result<Self> {
        let cut = || damaged("it is cut short, or not such a file");
        let (rest, trailer) = all.as_slice().split_last_chunk::<TRAILER>().ok_or_else(cut)?;
        let [l0, l1, l2, l3, l4, l5, l6, l7, c0, c1, c2, c3, magic @ ..] = *trailer;
        let length = [l0, l1, l2, l3, l4, l5, l6, l7];
        let content = usize::try_from(u64::from_le_bytes(length)).map_err(|_| cut())?;
        let sums = rest.get(content..).ok_or_else(cut)?;
        if magic != *MAGIC || sums.len() != 4 * content.div_ceil(BLOCK) {
            return Err(cut());
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(sums);
        hasher.update(&length);
        if hasher.finalize() != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(damaged("its checksums are damaged"));
        }
        let checked = (0..content.div_ceil(BLOCK * 64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { all, length: content, checked })
    }

    /// What the file is.
    pub fn fingerprint(&self) -> Fingerprint {
        let end = self.all.as_slice().get(self.length..).unwrap_or_default();
        Fingerprint { length: self.all.len() as u64, digest: digest(&[end]), ends: None }
    }

    /// Checks every block; returns the length of the content.
    ///
    /// # Errors
    /// `InvalidData` where one is damaged.
    pub fn verify(&self) -> io::Result<usize> {
        self.read_bytes(0..self.length).map(|bytes| bytes.len())
    }
}

impl FileHandle for Reading {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.start > range.end || range.end > self.length {
            return Err(damaged("it says of a part that it lies beyond its end"));
        }
        let (content, sums) = self.all.as_slice().split_at(self.length);
        for block in range.start / BLOCK..range.end.div_ceil(BLOCK) {
            let whole = || damaged("one of its blocks does not agree with its checksum");
            let (cell, bit) = (self.checked.get(block / 64).ok_or_else(whole)?, 1 << (block % 64));
            if cell.load(Ordering::Relaxed) & bit == 0 {
                let bytes = content.get(block * BLOCK..self.length.min((block + 1) * BLOCK)).ok_or_else(whole)?;
                let sum = sums.get(4 * block..).and_then(|sums| sums.first_chunk()).ok_or_else(whole)?;
                if crc32fast::hash(bytes) != u32::from_le_bytes(*sum) {
                    return Err(whole());
                }
                cell.fetch_or(bit, Ordering::Relaxed);
            }
        }
        Ok(self.all.slice(range))
    }
}

impl HasLen for Reading {
    fn len(&self) -> usize {
        self.length
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} checked bytes", self.length)
    }
}

/// A small file's content with its checksum.
pub(super) fn sealed(content: &[u8]) -> Vec<u8> {
    let sum = format!("{:08x}\n", crc32fast::hash(content));
    [content, SUM_LINE, sum.as_bytes()].concat()
}

/// The content of what [`sealed`] made.
///
/// # Errors
/// `InvalidData` where it does not agree with its checksum.
pub(super) fn unsealed(mut sealed: Vec<u8>) -> io::Result<Vec<u8>> {
    let content = sealed.len().checked_sub(SUM_LINE.len() + 9).and_then(|length| sealed.split_at_checked(length));
    let (content, sum) = content.ok_or_else(|| damaged("it is cut short"))?;
    if sum != [SUM_LINE, format!("{:08x}\n", crc32fast::hash(content)).as_bytes()].concat() {
        return Err(damaged("it does not agree with its checksum"));
    }
    sealed.truncate(content.len());
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> Vec<u8> {
        let mut out = Writing::to(Vec::new());
        out.write_all(content).unwrap();
        let fingerprint = out.finish().unwrap();
        assert_eq!(Reading::of(OwnedBytes::new(out.inner().clone())).unwrap().fingerprint(), fingerprint);
        out.inner().clone()
    }

    #[test]
    fn content_comes_back_and_every_flipped_bit_or_missing_byte_of_it_is_an_error() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7] {
            let content: Vec<u8> = (0..length).map(|i| (i * i % 251) as u8).collect();
            let whole = file(&content);
            let reading = Reading::of(OwnedBytes::new(whole.clone())).unwrap();
            assert_eq!(reading.read_bytes(0..length).unwrap().as_slice(), content);
            assert!(reading.read_bytes(0..length + 1).is_err());
            for i in 0..whole.len() {
                let mut flipped = whole.clone();
                flipped[i] ^= 1 << (i % 8);
                let verified = Reading::of(OwnedBytes::new(flipped)).and_then(|reading| reading.verify());
                assert!(verified.is_err(), "byte {i} of {length}");
                assert!(Reading::of(OwnedBytes::new(whole[..i].to_vec())).is_err(), "{i} of {length}");
            }
        }
    }

    #[test]
    fn only_what_is_read_is_checked() {
        let mut bytes = file(&[7; 4 * BLOCK]);
        bytes[2 * BLOCK + 1] ^= 4;
        let reading = Reading::of(OwnedBytes::new(bytes)).unwrap();
        assert!(reading.read_bytes(0..2 * BLOCK).is_ok() && reading.read_bytes(3 * BLOCK..4 * BLOCK).is_ok());
        assert_eq!(reading.read_bytes(2 * BLOCK..2 * BLOCK + 1).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(reading.verify().is_err());
    }

    #[test]
    fn a_small_file_agrees_with_its_checksum_or_is_an_error() {
        for content in ["", "{}", "two\nlines\n"] {
            let sealed = sealed(content.as_bytes());
            assert_eq!(unsealed(sealed.clone()).unwrap(), content.as_bytes());
            for i in 0..sealed.len() {
                let mut flipped = sealed.clone();
                flipped[i] ^= 1;
                assert!(unsealed(flipped).is_err() && unsealed(sealed[..i].to_vec()).is_err(), "{i}");
            }
        }
    }
}
