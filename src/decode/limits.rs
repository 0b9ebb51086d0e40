//! What one picture may take: memory, told by its header before anything is allocated, and time.
//!
//! No decoder can be stopped from outside of its thread. So the reader that feeds it fails once its time is up. Those of
//! JPEG XL and AV1 are given their input in parts, with a look at the clock between them; one part, or all of an HEVC
//! still, is not begun where it would take longer than is left, by its size. What yet takes longer is ended with the worker
//! that decodes it (see `sandbox::worker`).

use std::cell::Cell;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use super::Options;
use crate::error::{Error, ErrorKind, Result};

/// Asked before a decoder allocates, with the bytes that it will take in all; an error ends the decoding.
pub type Gate<'a> = &'a dyn Fn(u64) -> Result<()>;

/// Reads of a few bytes that go by between two looks at the clock, which costs some 30 ns.
const READS: u8 = 32;
/// A read of so many bytes looks at once.
const LARGE: usize = 1024;

/// The limits of one decoding.
pub(super) struct Limits<'a> {
    pub options: &'a Options,
    gate: Gate<'a>,
    until: Option<Instant>,
    late: Cell<bool>,
    kept: Cell<u64>,
}

impl<'a> Limits<'a> {
    /// Limits whose time begins now.
    pub fn new(options: &'a Options, gate: Gate<'a>) -> Self {
        Self {
            options,
            gate,
            until: Instant::now().checked_add(options.max_time),
            late: Cell::new(false),
            kept: Cell::new(0),
        }
    }

    /// Counts `bytes` of memory, of a header, that are held besides whatever is asked for later.
    pub fn keep(&self, bytes: u64) -> Result<()> {
        /// So little is not worth a question of its own.
        const LITTLE: u64 = 1 << 20;
        let kept = self.kept.get().saturating_add(bytes);
        self.kept.set(kept);
        if kept > self.options.max_memory {
            let limit = self.options.max_memory >> 20;
            let message = format!("too large: what its header holds takes more than the {limit} MiB allowed");
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        if kept < LITTLE { Ok(()) } else { (self.gate)(kept) }
    }

    /// Asks for `bytes` of memory for a picture of this size.
    pub fn admit(&self, width: u32, height: u32, bytes: u64) -> Result<()> {
        let bytes = bytes.saturating_add(self.kept.get());
        if bytes > self.options.max_memory {
            return Err(self.too_large(width, height));
        }
        (self.gate)(bytes)
    }

    /// The error for a picture whose decoding would not fit in the memory allowed.
    pub fn too_large(&self, width: u32, height: u32) -> Error {
        let limit = self.options.max_memory >> 20;
        let message = format!("too large: {width}x{height} pixels take more than the {limit} MiB allowed");
        Error::new(ErrorKind::TooLarge, message)
    }

    /// `error`, or that it was the time which ran out.
    pub fn explain(&self, error: Error) -> Error {
        if !self.late.get() {
            return error;
        }
        let message = format!("too slow: not decoded within {:.0} s", self.options.max_time.as_secs_f64());
        Error::new(ErrorKind::Malformed, message)
    }

    /// An error where `more` is not left of the time: for decoders that read nothing from a reader. Those are asked between
    /// parts of their input, and for a part, by its size, how long it takes at least.
    #[cfg(any(feature = "avif", feature = "heic", feature = "jxl"))]
    pub fn has(&self, more: Duration) -> Result<()> {
        match self.is_late(more) {
            true => Err(self.explain(Error::new(ErrorKind::Malformed, "it takes too long"))),
            false => Ok(()),
        }
    }

    fn is_late(&self, more: Duration) -> bool {
        let end = Instant::now().checked_add(more);
        if self.until.is_some_and(|until| end.is_none_or(|end| end >= until)) {
            self.late.set(true);
        }
        self.late.get()
    }

    /// A reader that fails once the time is up.
    pub fn timed<R>(&self, reader: R) -> Timed<'_, R> {
        Timed { reader, limits: self, reads: 0 }
    }
}

/// Gives what its reader gives until the time is up.
pub(super) struct Timed<'a, R> {
    reader: R,
    limits: &'a Limits<'a>,
    reads: u8,
}

impl<R> Timed<'_, R> {
    fn tick(&mut self, bytes: usize) -> io::Result<()> {
        self.reads = self.reads.saturating_add(1);
        if self.reads < READS && bytes < LARGE {
            return Ok(());
        }
        self.reads = 0;
        if self.limits.is_late(Duration::ZERO) {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        Ok(())
    }
}

impl<R: Read> Read for Timed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tick(buffer.len())?;
        self.reader.read(buffer)
    }
}

impl<R: BufRead> BufRead for Timed<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.tick(0)?;
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

impl<R: Seek> Seek for Timed<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.tick(0)?;
        self.reader.seek(to)
    }
}
