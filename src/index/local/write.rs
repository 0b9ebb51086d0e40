//! Writes files of features: of pictures that were just described, and of other files.

use std::io::Write;

use super::layout::{BLOCK, Layout, PICTURES_MAX, RANGES, Source};
use super::vocabulary::WORD_BITS;
use super::{Entry, Postings, Record};
use crate::error::{Error, Result};

/// An entry and the number of its picture within the file.
type Numbered = (Entry, u32);

/// The order of a file: by word, then by picture, so that votes are counted in passing.
fn place((entry, number): &Numbered) -> (u32, u32, u32, u64) {
    (entry.word, *number, entry.geometry, entry.signature)
}

/// Sorts the entries of many pictures and writes their file. Pictures beyond [`PICTURES_MAX`] are left out.
///
/// Memory: 24 bytes an entry beside the sketches.
///
/// # Errors
/// Those of `out`.
pub fn write(out: impl Write, pictures: &[Record]) -> Result<()> {
    let pictures = pictures.get(..PICTURES_MAX).unwrap_or(pictures);
    let count = pictures.iter().map(|record| record.sketch.entries.len()).sum();
    let mut entries: Vec<Numbered> = Vec::with_capacity(count);
    for (number, record) in (0u32..).zip(pictures) {
        entries.extend(record.sketch.entries.iter().map(|&entry| (entry, number)));
    }
    entries.sort_unstable_by_key(place);
    let mut counts = Counts::new();
    entries.iter().for_each(|(entry, _)| counts.add(entry.word));
    let mut out = Output::begin(out, pictures.len(), &counts)?;
    for record in pictures {
        out.source(&record.source())?;
    }
    out.directory(&counts)?;
    for entry in &entries {
        out.entry(entry)?;
    }
    out.finish()
}

/// Writes one file that holds the pictures of several, each under the number that `number` gives for the one it has
/// there; those without one are left out.
///
/// Memory: 4 MiB, 8 bytes a picture, and the entries of one word in 32,768. Returns how many pictures it
/// holds; beyond [`PICTURES_MAX`] they are left out, so callers merge no more than that.
///
/// # Errors
/// Those of `out`; `Damaged` where a file is.
pub fn merge(out: impl Write, files: &[&Postings], number: &dyn Fn(u32) -> Option<u32>) -> Result<usize> {
    let mut pictures = 0;
    let mut numbers: Vec<Vec<Option<u32>>> = Vec::new();
    for file in files {
        let mut of_file = Vec::with_capacity(file.pictures());
        for source in file.sources(0, file.pictures())? {
            let wanted = pictures < PICTURES_MAX && number(Source::of(source).picture).is_some();
            of_file.push(wanted.then_some(pictures as u32));
            pictures += usize::from(wanted);
        }
        numbers.push(of_file);
    }
    let lists = files.iter().map(|file| file.lists()).collect::<Result<Vec<_>>>()?;
    let each = |range: usize, take: &mut dyn FnMut(Numbered)| -> Result<()> {
        for (lists, numbers) in lists.iter().zip(&numbers) {
            lists.of_range(range, &mut |entry, number| {
                if let Some(Some(number)) = numbers.get(number as usize) {
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
    let mut out = Output::begin(out, pictures, &counts)?;
    for (file, numbers) in files.iter().zip(&numbers) {
        for (source, _) in file.sources(0, file.pictures())?.iter().zip(numbers).filter(|(_, kept)| kept.is_some()) {
            let source = Source::of(source);
            out.source(&Source { picture: number(source.picture).unwrap_or(source.picture), ..source })?;
        }
    }
    out.directory(&counts)?;
    let mut entries = Vec::new();
    for range in 0..RANGES {
        entries.clear();
        each(range, &mut |entry| entries.push(entry))?;
        entries.sort_unstable_by_key(place);
        for entry in &entries {
            out.entry(entry)?;
        }
    }
    out.finish()?;
    Ok(pictures)
}

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
    /// Writes the header. What follows comes in the order of the file.
    fn begin(out: W, pictures: usize, counts: &Counts) -> Result<Self> {
        let layout = Layout::of(pictures, counts.0.iter().map(|&count| count as usize).sum());
        let mut out = Checked { out, block: Vec::with_capacity(BLOCK), sums: Vec::new() };
        out.put(&layout.header())?;
        Ok(Self { out, layout })
    }

    fn source(&mut self, source: &Source) -> Result<()> {
        self.out.put(&source.kept())
    }

    fn directory(&mut self, counts: &Counts) -> Result<()> {
        let mut next = 0u32;
        for words in counts.0.chunks(1 << self.layout.rest_bits()) {
            self.out.put(&next.to_le_bytes())?;
            next += words.iter().sum::<u32>();
        }
        self.out.put(&next.to_le_bytes())
    }

    fn entry(&mut self, (entry, number): &Numbered) -> Result<()> {
        self.out.put(&self.layout.pack(entry, *number))
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
        self.out.write_all(&self.sums).and_then(|()| self.out.flush()).map_err(Error::io)
    }
}
