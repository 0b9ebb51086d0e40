//! Counts what is unpacked, and stops what unpacks to more than it may.

use std::cell::Cell;
use std::io::{self, Read};

/// Bytes unpacked so far of one archive.
pub(super) struct Meter {
    unpacked: Cell<u64>,
    most: u64,
}

impl Meter {
    /// None yet, and at most so many.
    pub fn new(most: u64) -> Self {
        Self { unpacked: Cell::new(0), most }
    }

    /// Whether more was asked for than there may be.
    pub fn is_over(&self) -> bool {
        self.unpacked.get() > self.most
    }

    /// A reader whose bytes are counted, and which fails once there are too many.
    pub fn of<R>(&self, reader: R) -> Metered<'_, R> {
        Metered { reader, meter: self }
    }
}

/// Gives what its reader gives, counted.
pub(super) struct Metered<'a, R> {
    reader: R,
    meter: &'a Meter,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.is_over() {
            return Err(io::Error::other("it unpacks to too much"));
        }
        let read = self.reader.read(buffer)?;
        self.meter.unpacked.set(self.meter.unpacked.get().saturating_add(read as u64));
        Ok(read)
    }
}
