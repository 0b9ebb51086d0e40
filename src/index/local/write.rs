//! Writes files of features: of pictures that were just described, and of other files.

use std::io::Write;

use super::file::damaged;
use super::layout::{BLOCK, Layout, MAGIC, PICTURE, PICTURES_MAX, Source};
use super::lists::{self, Cut};
use super::packed::pack;
use super::{FeatureFile, Record};
use crate::error::{Error, Result};

/// Writes the file of many pictures. Pictures beyond [`PICTURES_MAX`] are left out.
///
/// Memory: 8 bytes a feature beside the sketches.
///
/// # Errors
/// Those of `out`.
pub fn write(out: impl Write, pictures: &[Record]) -> Result<()> {
    let pictures = pictures.get(..PICTURES_MAX).unwrap_or(pictures);
    let features = pictures.iter().map(|record| record.sketch.entries.len()).sum();
    let mut out = Output::begin(out, pictures.len(), features)?;
    for record in pictures {
        out.features(&pack(&record.sketch))?;
    }
    let cut = out.cut;
    let mut numbers = Vec::with_capacity(features);
    for (number, record) in (0u32..).zip(pictures) {
        numbers.extend(record.sketch.entries.iter().map(|entry| cut.number(lists::cell(entry), number)));
    }
    numbers.sort_unstable();
    // Of several features of a picture in one cell its list says no more than of one.
    numbers.dedup();
    out.numbers(&numbers)?;
    out.end_lists()?;
    for record in pictures {
        out.source(&record.source())?;
    }
    out.finish()
}

/// Parts of the vocabulary that a merge takes one after the other.
const RANGES: u64 = 1 << RANGE_BITS;
const RANGE_BITS: u32 = 10;

/// Writes one file that holds the pictures of several, each under the number that `number` gives for the one it has
/// there; those without one are left out.
///
/// Memory: 16 MiB, 25 bytes a picture, 4 bytes for each block, and the lists of one part in 1,024 of all words. Returns how many pictures it
/// holds; beyond [`PICTURES_MAX`] they are left out, so callers merge no more than that.
///
/// # Errors
/// Those of `out`; `Damaged` where a file is.
pub fn merge(out: impl Write, files: &[&FeatureFile], number: &dyn Fn(u32) -> Option<u32>) -> Result<usize> {
    let (mut pictures, mut features) = (0, 0);
    let mut numbers: Vec<Vec<Option<u32>>> = Vec::new();
    for file in files {
        let mut of_file = Vec::with_capacity(file.pictures());
        for (place, source) in (0u32..).zip(file.sources(0, file.pictures())?) {
            let wanted = pictures < PICTURES_MAX && number(Source::of(source).picture).is_some();
            of_file.push(wanted.then_some(pictures as u32));
            if wanted {
                pictures += 1;
                features += file.packed(place)?.count();
            }
        }
        numbers.push(of_file);
    }
    let kept = || {
        files.iter().zip(&numbers).flat_map(|(&file, numbers)| {
            let kept = (0u32..).zip(numbers).filter(|(_, kept)| kept.is_some());
            kept.map(move |(place, _)| (file, place))
        })
    };
    let mut out = Output::begin(out, pictures, features)?;
    for (file, place) in kept() {
        out.features(file.read(file.place_of(place)?)?)?;
    }
    let cut = out.cut;
    let mut merged = Vec::new();
    let mut waiting: Vec<Waiting<'_>> = files.iter().map(|file| Waiting::of(file)).collect();
    for range in 1..=RANGES {
        for (waiting, numbers) in waiting.iter_mut().zip(&numbers) {
            waiting.up_to(range, &mut |cell, place| {
                if let Some(Some(number)) = numbers.get(place as usize) {
                    merged.push(cut.number(cell, *number));
                }
            })?;
        }
        merged.sort_unstable();
        // What one file lists twice was not written by us.
        merged.dedup();
        out.numbers(&merged)?;
        merged.clear();
    }
    out.end_lists()?;
    for (file, place) in kept() {
        let source = file.source(place)?;
        out.source(&Source { picture: number(source.picture).unwrap_or(source.picture), ..source })?;
    }
    out.finish()?;
    Ok(pictures)
}

/// The lists of a file that are still to be merged.
struct Waiting<'a> {
    file: &'a FeatureFile,
    next: usize,
    /// Numbers of the last bucket that was read, and how many of them are done.
    numbers: Vec<u64>,
    done: usize,
}

impl<'a> Waiting<'a> {
    fn of(file: &'a FeatureFile) -> Self {
        Self { file, next: 0, numbers: Vec::new(), done: 0 }
    }

    /// Calls `take` with the cells and pictures of all parts before this one that were not taken yet.
    fn up_to(&mut self, range: u64, take: &mut dyn FnMut(u64, u32)) -> Result<()> {
        let cut = self.file.layout().cut();
        let end = cut.numbers_of(range, RANGE_BITS).start;
        loop {
            while let Some(&number) = self.numbers.get(self.done).filter(|&&number| number < end) {
                take(number >> cut.picture_bits, cut.picture_of(number));
                self.done += 1;
            }
            if self.done < self.numbers.len() || self.next == cut.buckets() {
                return Ok(());
            }
            self.numbers.clear();
            self.done = 0;
            self.file.bucket(self.next, |bucket| bucket.numbers(&bucket.whole()?, u64::MAX, &mut self.numbers))?;
            self.next += 1;
        }
    }
}

/// A file in the making.
struct Output<W> {
    out: Checked<W>,
    layout: Layout,
    cut: Cut,
    /// Where the features of each picture begin.
    starts: Vec<u64>,
    /// Numbers of the bucket in the making, and where each that is done begins.
    bucket: Vec<u64>,
    directory: Vec<u32>,
    next_source: usize,
}

impl<W: Write> Output<W> {
    /// What follows comes in the order of the file.
    fn begin(out: W, pictures: usize, features: usize) -> Result<Self> {
        let layout = Layout { pictures, features, numbers: 0, lists: 0, sources: 0 };
        let mut out = Checked { out, block: Vec::with_capacity(BLOCK), sums: Vec::new(), length: 0 };
        out.put(MAGIC)?;
        let (cut, starts) = (layout.cut(), Vec::with_capacity(pictures));
        Ok(Self { out, layout, cut, starts, bucket: Vec::new(), directory: vec![0], next_source: 0 })
    }

    fn features(&mut self, packed: &[u8]) -> Result<()> {
        self.starts.push(self.out.length as u64);
        self.out.put(packed)?;
        self.layout.lists = self.out.length;
        Ok(())
    }

    /// Numbers of lists, ascending.
    fn numbers(&mut self, numbers: &[u64]) -> Result<()> {
        self.layout.numbers += numbers.len();
        let cut = self.cut;
        for of_bucket in numbers.chunk_by(|a, b| cut.bucket_of(*a) == cut.bucket_of(*b)) {
            let Some(&first) = of_bucket.first() else { continue };
            self.end_buckets(cut.bucket_of(first))?;
            self.bucket.extend_from_slice(of_bucket);
        }
        Ok(())
    }

    /// Writes the bucket in the making and empty ones, up to one that begins.
    fn end_buckets(&mut self, next: usize) -> Result<()> {
        while self.directory.len() <= next {
            let packed = self.cut.pack(&self.bucket);
            self.out.put(&packed)?;
            self.bucket.clear();
            let length = u32::try_from(self.out.length - self.layout.lists).map_err(|_| damaged())?;
            self.directory.push(length);
        }
        Ok(())
    }

    fn end_lists(&mut self) -> Result<()> {
        self.layout.lists = self.layout.lists.max(MAGIC.len());
        self.end_buckets(self.cut.buckets())?;
        self.layout.sources = self.out.length;
        Ok(())
    }

    fn source(&mut self, source: &Source) -> Result<()> {
        let start = self.starts.get(self.next_source).copied().unwrap_or_default() as usize;
        self.next_source += 1;
        let kept: [u8; PICTURE] = source.kept(start);
        self.out.put(&kept)
    }

    fn finish(mut self) -> Result<()> {
        for start in std::mem::take(&mut self.directory) {
            self.out.put(&start.to_le_bytes())?;
        }
        let trailer = self.layout.trailer();
        self.out.put(&trailer)?;
        self.out.finish()
    }
}

/// Writes blocks and remembers their checksums.
struct Checked<W> {
    out: W,
    block: Vec<u8>,
    sums: Vec<u8>,
    length: usize,
}

impl<W: Write> Checked<W> {
    fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.length += bytes.len();
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
        self.out.write_all(&self.sums).and_then(|()| self.out.flush()).map_err(Error::io)
    }
}
