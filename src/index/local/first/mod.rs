//! Files of features of the first format: read, to be taken over into files of today's.

mod layout;

use std::fs::File;

use memmap2::Mmap;

use super::layout::Source;
use super::vocabulary::signature_of_first;
use super::{Entry, FeatureFile, Record, Sketch, write};
use crate::error::{Error, ErrorKind, Result};
use crate::index::committed::{Fingerprint, digest};
use layout::{BLOCK, ENTRY, HEADER, Layout, PICTURE};

/// Bytes of checksums at either end that are compared when a file is opened: those of 8 MiB.
const ENDS: usize = 32 << 10;

/// A file of features of the first format, open for reading.
pub struct FirstFile {
    map: Mmap,
    layout: Layout,
}

impl FirstFile {
    /// Whether a file begins as those of this format do.
    pub fn is_one(file: &File) -> bool {
        let mut begin = [0; layout::MAGIC.len()];
        read_at(file, &mut begin).is_ok() && begin == *layout::MAGIC
    }

    /// Maps a file.
    ///
    /// # Errors
    /// `Io`; `Damaged` where it is not such a file, or not whole.
    pub fn of_file(file: &File) -> Result<Self> {
        // SAFETY: as for `FeatureFile`.
        let map = unsafe { Mmap::map(file) }.map_err(Error::io)?;
        let layout = Layout::read(&map).ok_or_else(damaged)?;
        Ok(Self { map, layout })
    }

    /// Number of pictures.
    pub fn pictures(&self) -> usize {
        self.layout.pictures
    }

    /// A picture, by its number within the file.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn source(&self, number: u32) -> Result<Source> {
        let number = number as usize;
        if number >= self.layout.pictures {
            return Err(damaged());
        }
        Ok(Source::of(self.read(HEADER + PICTURE * number, PICTURE)?))
    }

    /// What is kept of pictures that follow each other, without thumbnails, which that format had none of.
    ///
    /// Memory: that of the records. All entries are read.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn records(&self, from: u32, to: u32) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for number in from..to {
            let Source { picture, width, height, quality, hash } = self.source(number)?;
            let sketch = Sketch { width, height, ..Sketch::default() };
            records.push(Record { picture, hash, quality, sketch });
        }
        self.each_entry(&mut |entry, number| {
            let of_record = number.checked_sub(from).and_then(|place| records.get_mut(place as usize));
            if let Some(record) = of_record {
                record.sketch.entries.push(entry);
            }
        })?;
        Ok(records)
    }

    /// Pictures that follow each other, as a file of today's format in memory.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn part(&self, from: u32, to: u32) -> Result<FeatureFile> {
        let mut bytes = Vec::new();
        write(&mut bytes, &self.records(from, to)?)?;
        FeatureFile::from_bytes(bytes)
    }

    /// Calls `visit` with each feature and its picture's number within the file.
    fn each_entry(&self, visit: &mut dyn FnMut(Entry, u32)) -> Result<()> {
        let mut end = 0;
        for bucket in 0..self.layout.buckets() {
            let [from, to] = *self
                .read(self.layout.directory() + 4 * bucket, 8)?
                .as_chunks::<4>()
                .0
                .first_chunk()
                .ok_or_else(damaged)?;
            let (from, to) = (u32::from_le_bytes(from) as usize, u32::from_le_bytes(to) as usize);
            if from != end || to < from || to > self.layout.entries {
                return Err(damaged());
            }
            end = to;
            let entries = self.read(self.layout.first_entry() + ENTRY * from, ENTRY * (to - from))?;
            for entry in entries.as_chunks().0 {
                let found = self.layout.unpack(entry);
                let word = self.layout.word_of(bucket, found.rest);
                let (geometry, signature) = (found.geometry, signature_of_first(found.signature));
                visit(Entry { word, geometry, signature }, found.picture);
            }
        }
        if end == self.layout.entries { Ok(()) } else { Err(damaged()) }
    }

    /// Checks every block, and that each list begins where the one before it ends.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn verify(&self) -> Result<()> {
        self.read(0, self.layout.checksums())?;
        self.each_entry(&mut |_, _| {})
    }

    /// What the file is.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn fingerprint(&self) -> Result<Fingerprint> {
        let (header, sums) = self.told()?;
        let ends = (sums.len() > 2 * ENDS).then(|| Self::ends(header, sums));
        Ok(Fingerprint { length: self.map.len() as u64, digest: digest(&[header, sums]), ends })
    }

    /// Whether the file is this one. Of a long one the first and last checksums are compared.
    pub fn is(&self, expected: &Fingerprint) -> bool {
        let Ok((header, sums)) = self.told() else { return false };
        let is_so = match expected.ends.as_ref().filter(|_| sums.len() > 2 * ENDS) {
            Some(ends) => *ends == Self::ends(header, sums),
            None => expected.digest == digest(&[header, sums]),
        };
        is_so && expected.length == self.map.len() as u64
    }

    fn ends(header: &[u8], sums: &[u8]) -> String {
        let (first, last) = (sums.get(..ENDS), sums.len().checked_sub(ENDS).and_then(|start| sums.get(start..)));
        digest(&[header, first.unwrap_or_default(), last.unwrap_or_default()])
    }

    /// The header and the checksums, as they stand in the file.
    fn told(&self) -> Result<(&[u8], &[u8])> {
        self.map.get(..HEADER).zip(self.map.get(self.layout.checksums()..)).ok_or_else(damaged)
    }

    /// A part of the file, its blocks checked: each time, for all is read once or twice.
    fn read(&self, start: usize, length: usize) -> Result<&[u8]> {
        let end = start.checked_add(length).filter(|&end| end <= self.layout.checksums()).ok_or_else(damaged)?;
        for block in start / BLOCK..end.div_ceil(BLOCK) {
            let last = ((block + 1) * BLOCK).min(self.layout.checksums());
            let content = self.map.get(block * BLOCK..last).ok_or_else(damaged)?;
            let sum = self.map.get(self.layout.checksums() + 4 * block..).and_then(|sums| sums.first_chunk());
            if sum.is_none_or(|&sum| u32::from_le_bytes(sum) != crc32fast::hash(content)) {
                return Err(damaged());
            }
        }
        self.map.get(start..end).ok_or_else(damaged)
    }
}

/// Fills `buffer` from the beginning of a file.
fn read_at(file: &File, buffer: &mut [u8]) -> std::io::Result<()> {
    use std::io::{Read, Seek};
    let mut file = file;
    file.rewind()?;
    file.read_exact(buffer)
}

fn damaged() -> Error {
    Error::new(ErrorKind::Damaged, "damaged features: `ris verify` says which and what to do")
}
