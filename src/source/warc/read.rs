//! Records one after the other, their blocks streamed.

use std::io::{self, Read};

use super::super::stream::Skip;
use super::MAGIC;
use super::head::{Head, one};

/// Reads the block of the record that was met last.
pub(in crate::source) struct Reader<'a> {
    stream: &'a mut dyn Skip,
    left: u64,
}

impl<'a> Reader<'a> {
    pub fn new(stream: &'a mut dyn Skip) -> Self {
        Self { stream, left: 0 }
    }

    /// What is left of the block.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The head of the next record, what is left of the one before passed over; `None` at the end.
    ///
    /// # Errors
    /// The stream's, and `InvalidData` where what comes is no record.
    pub fn next(&mut self) -> io::Result<Option<Head>> {
        if !self.stream.skip(std::mem::take(&mut self.left))? {
            return Err(cut());
        }
        // Two empty lines end a record. Some programs write fewer, and some more.
        let mut first = [b'\n'];
        while matches!(first, [b'\r' | b'\n']) {
            if !one(self.stream, &mut first)? {
                return Ok(None);
            }
        }
        let head = Head::read(&mut first.chain(&mut *self.stream))?;
        let head = head.ok_or_else(|| damage("the head of a record does not end"))?;
        if !head.first().starts_with(MAGIC) {
            return Err(damage("a record makes no sense"));
        }
        let length = head.field("Content-Length").and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        self.left = length.ok_or_else(|| damage("a record does not say how long it is"))?;
        Ok(Some(head))
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(part @ [_, ..]) = buffer.get_mut(..most) else { return Ok(0) };
        let read = self.stream.read(part)?;
        if read == 0 {
            return Err(cut());
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

fn damage(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn cut() -> io::Error {
    damage("it ends within a record")
}
