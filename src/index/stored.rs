//! The stored part of a segment's documents, read by ourselves: what a file says of its blocks is checked before
//! anything is taken for it.
//!
//! ```text
//! blocks      packed by LZ4, behind their size (u32). Within: documents, where each begins (u32), and their number
//! skip index  layers of checkpoints; the last has one for each block: how many documents, how many bytes
//! footer      version (u32), where the skip index begins (u64), how blocks are packed (u8), 15 zeros
//! ```
//!
//! tantivy's own reader allocates whatever a number in the file says, and calls itself for each value within a value.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::DocId;
use tantivy::directory::{FileHandle, OwnedBytes};

/// What tantivy writes behind each of its files: JSON, its length and a number that is always the same.
const BEHIND: usize = 8;
const FOOTER: usize = 28;
const LZ4: u8 = 1;
/// A block is ended once it holds 16 KiB, and a document takes some kilobytes, at most a megabyte: a picture that a
/// hundred pages show.
const BLOCK_MAX: usize = 16 << 20;
/// LZ4 packs 255 bytes into one at best.
const RATIO_MAX: usize = 256;
/// Unpacked blocks are kept up to so many bytes.
const KEPT: usize = 1 << 20;

/// A number in groups of seven bits, the lowest first; the last one is marked.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F).checked_shl(shift)?;
        if byte & 0x80 != 0 {
            return Some(number);
        }
    }
    None
}

/// The first `count` bytes, which are taken off.
pub(super) fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// The number in the first four bytes, which are taken off.
pub(super) fn u32(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

/// Likewise of eight.
pub(super) fn u64(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*number))
}

/// Where a file of tantivy's ends without what it writes behind each.
pub(super) fn end_of_content(file: &dyn FileHandle) -> io::Result<usize> {
    let start = file.len().checked_sub(BEHIND).ok_or_else(nonsense)?;
    let behind = file.read_bytes(start..file.len())?;
    let length = u32(&mut behind.as_slice()).ok_or_else(nonsense)?;
    start.checked_sub(length as usize).ok_or_else(nonsense)
}

pub(super) fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what it says makes no sense")
}

/// A block: its first document, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    first: DocId,
    start: usize,
}

/// The stored part of the documents of a segment.
pub(super) struct Stored {
    file: Arc<dyn FileHandle>,
    packed: bool,
    /// In their order, and behind them one that is none.
    blocks: Vec<Block>,
    /// The last ones that were unpacked, by their numbers, the latest at the end.
    kept: Mutex<Vec<(usize, Arc<[u8]>)>>,
}

impl Stored {
    /// Reads where the blocks are: three bytes or so for each.
    ///
    /// # Errors
    /// `InvalidData` where the file makes no sense.
    pub fn open(file: Arc<dyn FileHandle>) -> io::Result<Self> {
        let end = end_of_content(&*file)?.checked_sub(FOOTER).ok_or_else(nonsense)?;
        let footer = file.read_bytes(end..end + FOOTER)?;
        let mut rest = footer.as_slice();
        let [version, offset] = [u32(&mut rest).map(u64::from), u64(&mut rest)].map(Option::unwrap_or_default);
        let packed = rest.first().copied().unwrap_or(u8::MAX);
        let offset = usize::try_from(offset).ok().filter(|&offset| offset <= end).ok_or_else(nonsense)?;
        if !(1..=2).contains(&version) || packed > LZ4 {
            return Err(nonsense());
        }
        let index = file.read_bytes(offset..end)?;
        let blocks = blocks(index.as_slice()).ok_or_else(nonsense)?;
        if blocks.last().is_none_or(|last| last.start != offset) {
            return Err(nonsense());
        }
        Ok(Self { file, packed: packed == LZ4, blocks, kept: Mutex::default() })
    }

    /// How many documents there are.
    pub fn documents(&self) -> DocId {
        self.blocks.last().map_or(0, |last| last.first)
    }

    /// Calls `read` with what is stored of a document.
    ///
    /// # Errors
    /// `InvalidData` where it makes no sense, or there is none of this number.
    pub fn read<T>(&self, document: DocId, read: impl FnOnce(&[u8]) -> Option<T>) -> io::Result<T> {
        let number = self.blocks.partition_point(|block| block.first <= document).checked_sub(1);
        let number = number.filter(|_| document < self.documents()).ok_or_else(nonsense)?;
        let first = self.blocks.get(number).ok_or_else(nonsense)?.first;
        let block = self.block(number)?;
        part(&block, (document - first) as usize).and_then(read).ok_or_else(nonsense)
    }

    fn block(&self, number: usize) -> io::Result<Arc<[u8]>> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, block)) = kept().iter().find(|(other, _)| *other == number) {
            return Ok(block.clone());
        }
        let (from, to) = self.blocks.get(number).zip(self.blocks.get(number + 1)).ok_or_else(nonsense)?;
        let block: Arc<[u8]> = self.unpack(&self.file.read_bytes(from.start..to.start)?)?.into();
        if !is_in_order(&block) {
            return Err(nonsense());
        }
        let mut kept = kept();
        kept.push((number, block.clone()));
        let mut bytes: usize = kept.iter().map(|(_, block)| block.len()).sum();
        while bytes > KEPT {
            bytes -= kept.remove(0).1.len();
        }
        Ok(block)
    }

    fn unpack(&self, bytes: &OwnedBytes) -> io::Result<Vec<u8>> {
        let mut packed = bytes.as_slice();
        if !self.packed {
            return Ok(packed.to_vec());
        }
        let size = u32(&mut packed).ok_or_else(nonsense)? as usize;
        if size > BLOCK_MAX || size > RATIO_MAX.saturating_mul(packed.len()) {
            return Err(nonsense());
        }
        let block = lz4_flex::block::decompress(packed, size).map_err(|_| nonsense())?;
        if block.len() == size { Ok(block) } else { Err(nonsense()) }
    }
}

/// The blocks that a skip index tells of: one after the other, without gaps.
fn blocks(index: &[u8]) -> Option<Vec<Block>> {
    let mut rest = index;
    let layers = varint(&mut rest)?;
    // Each takes a byte at least.
    if layers > index.len() as u64 {
        return None;
    }
    let (mut start, mut end) = (0, 0);
    for _ in 0..layers {
        (start, end) = (end, usize::try_from(varint(&mut rest)?).ok()?);
    }
    let mut layer = rest.get(start..end)?;
    let mut blocks = vec![Block { first: 0, start: 0 }];
    while !layer.is_empty() {
        let count = varint(&mut layer)?;
        if count == 0 {
            continue;
        }
        let mut next = Block {
            first: DocId::try_from(varint(&mut layer)?).ok()?,
            start: usize::try_from(varint(&mut layer)?).ok()?,
        };
        for _ in 0..count {
            if blocks.last() != Some(&next) {
                return None;
            }
            let (documents, bytes) = (DocId::try_from(varint(&mut layer)?).ok()?, varint(&mut layer)?);
            if documents == 0 {
                return None;
            }
            next.first = next.first.checked_add(documents)?;
            next.start = next.start.checked_add(usize::try_from(bytes).ok()?)?;
            blocks.push(next);
        }
    }
    Some(blocks)
}

/// The documents in a block, and where each begins.
fn parts(block: &[u8]) -> Option<(&[u8], &[[u8; 4]])> {
    let (rest, count) = block.split_last_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    let (documents, starts) = rest.split_at_checked(rest.len().checked_sub(count.checked_mul(4)?)?)?;
    Some((documents, starts.as_chunks().0))
}

/// Whether the documents in a block stand one after the other: none is part of another.
fn is_in_order(block: &[u8]) -> bool {
    parts(block).is_some_and(|(documents, starts)| {
        let starts = starts.iter().map(|start| u32::from_le_bytes(*start) as usize);
        starts.chain([documents.len()]).is_sorted()
    })
}

/// What a block holds of its document of this number.
fn part(block: &[u8], number: usize) -> Option<&[u8]> {
    let (documents, starts) = parts(block)?;
    let start = |number: usize| starts.get(number).map(|start| u32::from_le_bytes(*start) as usize);
    let end = if number + 1 < starts.len() { start(number + 1)? } else { documents.len() };
    documents.get(start(number)?..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one block that holds these documents.
    fn file(documents: &[&[u8]], size: Option<u32>) -> Vec<u8> {
        let mut block = documents.concat();
        let mut start = 0u32;
        for document in documents {
            block.extend(start.to_le_bytes());
            start += document.len() as u32;
        }
        block.extend((documents.len() as u32).to_le_bytes());
        let packed = lz4_flex::block::compress(&block);
        let mut file = [&size.unwrap_or(block.len() as u32).to_le_bytes(), packed.as_slice()].concat();
        let offset = file.len();
        assert!(offset < 1 << 14);
        // One layer of one checkpoint.
        let checkpoint =
            [0x81, 0x80, 0x80, 0x80 | documents.len() as u8, offset as u8 & 0x7F, 0x80 | (offset >> 7) as u8];
        file.extend([0x81, 0x80 | checkpoint.len() as u8]);
        file.extend(checkpoint);
        file.extend(2u32.to_le_bytes());
        file.extend((offset as u64).to_le_bytes());
        file.extend([LZ4]);
        file.extend([0; 15]);
        file.extend(b"{}");
        file.extend(2u32.to_le_bytes());
        file.extend(1337u32.to_le_bytes());
        file
    }

    fn open(file: Vec<u8>) -> io::Result<Stored> {
        Stored::open(Arc::new(OwnedBytes::new(file)))
    }

    #[test]
    fn documents_come_back_and_none_that_is_not_there() {
        let stored = open(file(&[b"one", b"", b"three"], None)).unwrap();
        assert_eq!(stored.documents(), 3);
        for (number, expected) in [(0, &b"one"[..]), (2, b"three"), (1, b""), (0, b"one")] {
            assert_eq!(stored.read(number, |bytes| Some(bytes.to_vec())).unwrap(), expected);
        }
        assert!(stored.read(3, |bytes| Some(bytes.to_vec())).is_err());
    }

    #[test]
    fn a_size_that_no_such_block_unpacks_to_takes_no_memory() {
        for size in [u32::MAX, BLOCK_MAX as u32 + 1, 5000, 3] {
            let stored = open(file(&[b"one"], Some(size))).unwrap();
            assert!(stored.read(0, |_| Some(())).is_err(), "{size}");
        }
        assert!(open(file(&[b"one"], None)).unwrap().read(0, |_| Some(())).is_ok());
    }

    #[test]
    fn a_changed_byte_anywhere_is_an_answer_or_an_error() {
        let whole = file(&[b"one", b"two, two, two, two, two, two", b"three"], None);
        let (mut errors, mut answers) = (0, 0);
        for i in 0..whole.len() {
            for value in [0, 1, 0x7F, 0x80, 0xFF, whole[i] ^ 4] {
                let mut changed = whole.clone();
                changed[i] = value;
                let Ok(stored) = open(changed) else {
                    errors += 1;
                    continue;
                };
                for document in 0..3 {
                    match stored.read(document, |_| Some(())) {
                        Ok(()) => answers += 1,
                        Err(_) => errors += 1,
                    }
                }
            }
            assert!(open(whole[..i].to_vec()).is_err() || i + 1 > whole.len(), "{i}");
        }
        assert!(errors > 100 && answers > 100, "{errors} {answers}");
    }
}
