//! Streams that can pass over bytes: a file at no cost, anything else by reading them.

use std::io::{self, BufReader, Read, Seek};

/// A reader that can pass over bytes.
pub(super) trait Skip: Read {
    /// Passes over so many; whether they were all there.
    fn skip(&mut self, bytes: u64) -> io::Result<bool>;
}

/// A file, in which that costs nothing.
pub(super) struct Seekable<R> {
    reader: BufReader<R>,
    left: u64,
}

impl<R: Read> Seekable<R> {
    /// The next `left` bytes of a file.
    pub fn new(file: R, left: u64, buffer: usize) -> Self {
        Self { reader: BufReader::with_capacity(buffer, file), left }
    }
}

impl<R: Read> Read for Seekable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl<R: Read + Seek> Skip for Seekable<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<bool> {
        let Some(left) = self.left.checked_sub(bytes) else { return Ok(false) };
        let sense = |_| io::Error::new(io::ErrorKind::InvalidData, "its sizes make no sense");
        self.reader.seek_relative(i64::try_from(bytes).map_err(sense)?)?;
        self.left = left;
        Ok(true)
    }
}

/// A stream, which has to be read.
pub(super) struct Streamed<R>(pub R);

impl<R: Read> Read for Streamed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Skip for Streamed<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<bool> {
        Ok(io::copy(&mut self.0.by_ref().take(bytes), &mut io::sink())? == bytes)
    }
}
