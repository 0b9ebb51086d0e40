//! Lists of picture numbers, one for each cell: a visual word (20 bits) and the first 12 bits of the signature.
//!
//! All lists of a file are one ascending sequence of numbers, each of which is a cell with a picture's number behind it. The
//! sequence is cut into buckets by its upper bits, so that one holds about 32 numbers, and a bucket of 48 and more into
//! runs by the bits that follow: words are uneven, and runs are not. Within a run the steps from number to number are
//! written in Golomb-Rice codes (Rice, "Some practical universal noiseless coding techniques", 1979), some three bytes a number.
//!
//! ```text
//! bucket   a byte: below 48 the count of its one run, which follows;
//!          else 128 + 2 * b + w: 2^b runs follow their ends, in bytes from the first (u16, or u32 where w is 1),
//!          and each begins with its count (LEB128)
//! run      steps: quotient in unary, remainder in binary; filled up to a byte
//! ```
//!
//! A query may ask for fewer bits of the signature: a shorter cell is a range of the sequence, too.

use std::ops::Range;

use super::Entry;
use super::bits::{BitReader, BitWriter};
use super::vocabulary::SIGNATURE_BITS;
use super::vocabulary::{CELL_BITS, WORD_BITS};

/// Bits of a cell.
pub const KEY_BITS: u32 = WORD_BITS + CELL_BITS;
/// Numbers of a bucket that are aimed at.
const BUCKET: usize = 32;
/// Numbers from which on a bucket is cut into runs ...
const CUT: usize = 48;
/// ... of this many at least, on average.
const RUN: usize = 24;
/// Marks the first byte of a bucket that is cut.
const MARK: u8 = 128;

/// How the numbers of a file are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bits of a number that say in which bucket it is.
    pub bucket_bits: u32,
    /// Bits of a picture's number.
    pub picture_bits: u32,
}

/// The cell of a feature.
pub fn cell(entry: &Entry) -> u64 {
    u64::from(entry.word) << CELL_BITS | entry.signature >> (SIGNATURE_BITS - CELL_BITS)
}

impl Cut {
    /// For a file of so many pictures with so many features.
    pub fn of(pictures: usize, features: usize) -> Self {
        let bits = |count: usize| count.max(1).next_power_of_two().trailing_zeros();
        Self { bucket_bits: bits(features / BUCKET).min(WORD_BITS), picture_bits: bits(pictures) }
    }

    pub fn buckets(&self) -> usize {
        1 << self.bucket_bits
    }

    /// Bits of a number behind those of its bucket.
    fn rest_bits(&self) -> u32 {
        KEY_BITS - self.bucket_bits + self.picture_bits
    }

    pub fn bucket_of(&self, number: u64) -> usize {
        (number >> self.rest_bits()) as usize
    }

    /// A number of the sequence.
    pub fn number(&self, cell: u64, picture: u32) -> u64 {
        cell << self.picture_bits | u64::from(picture)
    }

    /// The picture of a number.
    pub fn picture_of(&self, number: u64) -> u32 {
        (number & ((1 << self.picture_bits) - 1)) as u32
    }

    /// The numbers of a cell that is `bits` long, from the word's first on.
    pub fn numbers_of(&self, cell: u64, bits: u32) -> Range<u64> {
        let open = KEY_BITS - bits + self.picture_bits;
        cell << open..(cell + 1) << open
    }

    /// A bucket as it is written; its numbers ascend, and none comes twice.
    pub fn pack(&self, numbers: &[u64]) -> Vec<u8> {
        let (count, rest) = (numbers.len(), self.rest_bits());
        if count == 0 {
            return Vec::new();
        }
        if count < CUT {
            let mut bytes = vec![count as u8];
            bytes.extend(run(numbers, rest));
            return bytes;
        }
        let cut = (count / RUN).ilog2().min(KEY_BITS - self.bucket_bits);
        let (mut ends, mut runs, mut left) = (Vec::with_capacity(1 << cut), Vec::new(), numbers);
        for of_run in 0..1u64 << cut {
            let is_of_run = |number: &u64| (number >> (rest - cut)) & ((1 << cut) - 1) <= of_run;
            let (now, later) = left.split_at(left.partition_point(is_of_run));
            left = later;
            if !now.is_empty() {
                put_count(&mut runs, now.len());
                runs.extend(run(now, rest - cut));
            }
            ends.push(runs.len() as u32);
        }
        let is_wide = runs.len() > usize::from(u16::MAX);
        let mut bytes = vec![MARK | (cut as u8) << 1 | u8::from(is_wide)];
        for end in ends {
            let end = end.to_le_bytes();
            bytes.extend_from_slice(if is_wide { &end } else { &end[..2] });
        }
        bytes.extend(runs);
        bytes
    }
}

/// Bits of a remainder, where a run of so many numbers has so many bits open.
fn remainder_bits(open: u32, count: usize) -> u32 {
    open.saturating_sub(count.max(1).next_power_of_two().trailing_zeros())
}

/// The codes of a run of which the lowest `open` bits differ.
fn run(numbers: &[u64], open: u32) -> Vec<u8> {
    let (mut out, remainder) = (BitWriter::default(), remainder_bits(open, numbers.len()));
    let mut least = numbers.first().map_or(0, |first| first >> open << open);
    for number in numbers {
        let step = number - least;
        out.put_unary(step >> remainder);
        out.put(step, remainder);
        least = number + 1;
    }
    out.finish()
}

fn put_count(out: &mut Vec<u8>, mut count: usize) {
    while count >= 128 {
        out.push(count as u8 | 128);
        count >>= 7;
    }
    out.push(count as u8);
}

fn take_count(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut count = 0;
    for (i, &byte) in bytes.iter().enumerate().take(5) {
        count |= usize::from(byte & 127) << (7 * i);
        if byte < 128 {
            return Some((count, bytes.get(i + 1..)?));
        }
    }
    None
}

/// Adds the numbers of a run that are below `until` to `numbers`, the first not below `least`; `None` where they make no sense.
#[inline(always)]
fn unpack_run(bytes: &[u8], count: usize, least: u64, open: u32, until: u64, numbers: &mut Vec<u64>) -> Option<()> {
    // Each takes a bit at least.
    if count == 0 || count > 8 * bytes.len() {
        return None;
    }
    let (mut codes, remainder) = (BitReader::of(bytes), remainder_bits(open, count));
    let (end, mut least) = (least + (1 << open), least);
    numbers.reserve(count);
    for _ in 0..count {
        let quotient = codes.take_unary()?;
        let number = least.checked_add(quotient.checked_shl(remainder)? | codes.take(remainder))?;
        if number >= end {
            return None;
        }
        if number >= until {
            return Some(());
        }
        numbers.push(number);
        least = number + 1;
    }
    (!codes.is_past_end()).then_some(())
}

/// Where some runs of a bucket are, which follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The first byte within the bucket, and the one behind the last.
    pub start: usize,
    pub end: usize,
    bucket: usize,
    /// The first run, and the one behind the last.
    from: usize,
    to: usize,
    /// How many bits tell the runs apart.
    cut: u32,
    /// The count, where it stands before the run.
    count: usize,
}

impl Place {
    /// Bytes of all its runs.
    pub fn length(&self) -> usize {
        self.end.saturating_sub(self.start)
    }
}

/// A bucket as it is read: of its first bytes no more is looked at than is needed.
pub struct Bucket<'a> {
    cut: Cut,
    number: usize,
    runs_bits: u32,
    is_wide: bool,
    count: usize,
    length: usize,
    most: usize,
    read: &'a dyn Fn(usize, usize) -> Option<&'a [u8]>,
}

impl<'a> Bucket<'a> {
    /// Bucket `number` of a file, `length` bytes long, of which `read` gives a part from one byte to another. It has no more
    /// than `most` numbers: a stranger's could say of each bit that it is one. `None` where it makes no sense.
    pub fn of(
        cut: Cut,
        number: usize,
        length: usize,
        most: usize,
        read: &'a dyn Fn(usize, usize) -> Option<&'a [u8]>,
    ) -> Option<Self> {
        let mut bucket = Self { cut, number, runs_bits: 0, is_wide: false, count: 0, length, most, read };
        if length > 0 {
            let first = *read(0, 1)?.first()?;
            match first.checked_sub(MARK) {
                None if usize::from(first) < CUT => bucket.count = first.into(),
                None => return None,
                Some(said) => {
                    (bucket.runs_bits, bucket.is_wide) = (u32::from(said >> 1), said & 1 == 1);
                    let open = KEY_BITS - cut.bucket_bits;
                    if bucket.runs_bits == 0 || bucket.runs_bits > open || bucket.first_run() > length {
                        return None;
                    }
                }
            }
        }
        Some(bucket)
    }

    fn first_run(&self) -> usize {
        1 + (usize::from(self.runs_bits > 0) << self.runs_bits) * if self.is_wide { 4 } else { 2 }
    }

    /// Where the numbers of a range are, which begins in this bucket and does not end behind it.
    pub fn place(&self, numbers: &Range<u64>) -> Option<Place> {
        let (bucket, cut) = (self.number, self.runs_bits);
        if cut == 0 {
            let (start, count) = (self.length.min(1), self.count);
            return Some(Place { start, end: self.length, bucket, from: 0, to: 1, cut, count });
        }
        let run_of = |number: u64| (number >> (self.cut.rest_bits() - cut)) as usize & ((1 << cut) - 1);
        let (from, to) = (run_of(numbers.start), run_of(numbers.end - 1) + 1);
        let (start, end) = (if from == 0 { 0 } else { self.end_of(from - 1)? }, self.end_of(to - 1)?);
        let (start, end) = (start + self.first_run(), end + self.first_run());
        (start <= end && end <= self.length).then_some(Place { start, end, bucket, from, to, cut, count: 0 })
    }

    fn end_of(&self, run: usize) -> Option<usize> {
        let bytes = if self.is_wide { 4 } else { 2 };
        let at = 1 + run * bytes;
        let end = (self.read)(at, at + bytes)?;
        Some(end.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    }

    /// All of it.
    pub fn whole(&self) -> Option<Place> {
        let first = (self.number as u64) << self.cut.rest_bits();
        self.place(&(first..first + (1 << self.cut.rest_bits())))
    }

    /// Whether runs end where the next one begins, and the last one with the bucket.
    pub fn is_sound(&self) -> bool {
        let mut last = 0;
        let mut ends = (0..usize::from(self.runs_bits > 0) << self.runs_bits).map(|run| self.end_of(run));
        let ascends = ends.all(|end| end.is_some_and(|end| std::mem::replace(&mut last, end) <= end));
        ascends && (self.runs_bits == 0 || self.first_run() + last == self.length)
    }

    /// Adds the numbers of a place of this bucket to `numbers`, which are empty. Of its last run those from `until` on may be left out.
    pub fn numbers(&self, place: &Place, until: u64, numbers: &mut Vec<u64>) -> Option<()> {
        let bytes = (self.read)(place.start, place.end)?;
        let open = self.cut.rest_bits() - place.cut;
        let first_of = |run: usize| ((place.bucket as u64) << place.cut | run as u64) << open;
        if place.cut == 0 {
            return match place.start == place.end && place.count == 0 {
                true => Some(()),
                false => self.unpack(bytes, place.count, first_of(0), open, until, numbers),
            };
        }
        let mut start = place.start;
        for run in place.from..place.to {
            let is_last = run + 1 == place.to;
            let end = if is_last { place.end } else { self.end_of(run)? + self.first_run() };
            let of_run = bytes.get(start.checked_sub(place.start)?..end.checked_sub(place.start)?)?;
            if !of_run.is_empty() {
                let (count, codes) = take_count(of_run)?;
                self.unpack(codes, count, first_of(run), open, until, numbers)?;
            }
            start = end;
        }
        Some(())
    }

    #[inline(always)]
    fn unpack(
        &self,
        bytes: &[u8],
        count: usize,
        least: u64,
        open: u32,
        until: u64,
        numbers: &mut Vec<u64>,
    ) -> Option<()> {
        if numbers.len().saturating_add(count) > self.most {
            None
        } else {
            unpack_run(bytes, count, least, open, until, numbers)
        }
    }
}
