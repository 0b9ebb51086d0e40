//! Tar: POSIX.1-2001 (pax), ustar, GNU and the old one, read as a stream.
//!
//! Read here and not by a crate, since those that there are keep names of any length in memory.

use std::io::{self, Read};

use super::super::stream::Skip;
use super::walk::{Halt, Unreadable, Walk, damage};

const BLOCK: usize = 512;
/// Long names and pax records of one entry; longer ones are passed over.
const RECORDS_MAX: u64 = 64 << 10;
const NANOSECONDS: i64 = 1_000_000_000;

/// Whether a block is the header of an entry: its sum is right.
pub(super) fn is_header(block: &[u8; BLOCK]) -> bool {
    let stored = field(block, 148, 8).and_then(number);
    // The sum is made with spaces in its own place. Old programs took bytes for signed.
    let bytes = || block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
    let unsigned: u64 = bytes().map(u64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte as i8)).sum();
    block.iter().any(|byte| *byte != 0) && (stored == Some(unsigned) || stored.is_some_and(|sum| sum as i64 == signed))
}

fn field(block: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    block.get(at..at.checked_add(length)?)
}

/// Octal digits, or, with the first bit set, a big-endian number.
fn number(field: &[u8]) -> Option<u64> {
    match field {
        [first @ (0x80 | 0xFF), rest @ ..] => {
            if *first == 0xFF {
                return None;
            }
            rest.iter().try_fold(0u64, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()))
        }
        _ => {
            let digits = field.iter().skip_while(|byte| **byte == b' ').take_while(|byte| !matches!(byte, 0 | b' '));
            digits.copied().try_fold(0u64, |sum, digit| match digit {
                b'0'..=b'7' => sum.checked_mul(8)?.checked_add((digit - b'0').into()),
                _ => None,
            })
        }
    }
}

fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// What extended headers say of the entry that follows.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    bytes: Option<u64>,
    modified_ns: Option<i64>,
    sparse: bool,
}

pub(super) fn read(walk: &mut Walk<'_>, stream: &mut dyn Skip) -> Result<(), Halt> {
    let mut extended = Extended::default();
    loop {
        let mut block = [0; BLOCK];
        let there = fill(stream, &mut block)?;
        // Two blocks of zeros end an archive; some programs write none.
        if there == 0 || (there == BLOCK && block.iter().all(|byte| *byte == 0)) {
            return Ok(());
        }
        if there < BLOCK {
            return Err(damage("it ends within a header").into());
        }
        if !is_header(&block) {
            return Err(damage("a header makes no sense").into());
        }
        let kind = block.get(156).copied().unwrap_or_default();
        let own = field(&block, 124, 12).and_then(number);
        let bytes = extended.bytes.or(own).ok_or_else(|| damage("a size makes no sense"))?;
        let padding = (BLOCK as u64 - bytes % BLOCK as u64) % BLOCK as u64;
        let mut part = Part { stream, left: bytes };
        match kind {
            b'L' => extended.name = records(&mut part)?.map(|name| text(&name).to_vec()).or(Some(Vec::new())),
            b'x' => {
                if let Some(records) = records(&mut part)? {
                    pax(&records, &mut extended);
                }
            }
            0 | b'0' | b'7' | b'S' => {
                let this = std::mem::take(&mut extended);
                let name = this.name.unwrap_or_else(|| name(&block));
                let modified = field(&block, 136, 12).and_then(number).and_then(|time| i64::try_from(time).ok());
                let modified = modified.and_then(|time| time.checked_mul(NANOSECONDS)).unwrap_or_default();
                let modified = this.modified_ns.unwrap_or(modified);
                if this.sparse || kind == b'S' {
                    walk.unreadable(&name, Unreadable::Packed("leaving out holes".into()))?;
                } else if !name.ends_with(b"/") {
                    walk.entry(&name, bytes, modified, &mut part)?;
                }
            }
            // Of what has a global header nothing matters here.
            b'g' | b'K' => {}
            _ => extended = Extended::default(),
        }
        let left = part.left.checked_add(padding).ok_or_else(|| damage("a size makes no sense"))?;
        if !stream.skip(left)? {
            return Err(damage("it ends within an entry").into());
        }
    }
}

/// The prefix, where the header is one that has it, and the name.
fn name(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = text(field(block, 0, 100).unwrap_or_default());
    let is_posix = field(block, 257, 6) == Some(b"ustar\0");
    let prefix = text(field(block, 345, 155).unwrap_or_default());
    if is_posix && !prefix.is_empty() { [prefix, b"/", name].concat() } else { name.to_vec() }
}

/// The whole of a small part; `None` of one that is too large.
fn records(part: &mut Part<'_>) -> io::Result<Option<Vec<u8>>> {
    if part.left > RECORDS_MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    part.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Records of the form `length key=value\n`.
fn pax(mut records: &[u8], extended: &mut Extended) {
    while let Some(space) = records.iter().position(|byte| *byte == b' ') {
        let length = records.get(..space).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let Some(record) = length.and_then(|length: usize| records.get(space + 1..length)) else { return };
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        let mut parts = record.splitn(2, |byte| *byte == b'=');
        let (key, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let as_text = std::str::from_utf8(value).unwrap_or_default();
        match key {
            b"path" => extended.name = Some(value.to_vec()),
            b"size" => extended.bytes = as_text.parse().ok(),
            b"mtime" => {
                let whole = as_text.split('.').next().and_then(|seconds| seconds.parse::<i64>().ok());
                extended.modified_ns = whole.and_then(|seconds| seconds.checked_mul(NANOSECONDS));
            }
            _ => extended.sparse |= key.starts_with(b"GNU.sparse."),
        }
        let Some(rest) = length.and_then(|length| records.get(length..)) else { return };
        records = rest;
    }
}

/// As many bytes as there are, up to all of `buffer`.
fn fill(stream: &mut dyn Skip, buffer: &mut [u8]) -> io::Result<usize> {
    let mut there = 0;
    while let Some(rest) = buffer.get_mut(there..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(read) => there += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(there)
}

/// The bytes of one entry.
struct Part<'a> {
    stream: &'a mut dyn Skip,
    left: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.stream.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}
