//! WARC, the file format of web archives (ISO 28500, versions 1.0 and 1.1), read as a stream and written.
//!
//! A file is records behind each other: a version, named fields, an empty line, a block of so many bytes as the field
//! `Content-Length` says, two empty lines. In a `.warc.gz` each record is a gzip member of its own. Of what a crawler
//! got the block is the HTTP message as it came, head and body.
//!
//! Read here and not by a crate, since those that there are keep a record's block, or its head of any length, in memory.

mod date;
mod head;
pub(super) mod http;
mod read;
mod write;

pub(super) use date::nanoseconds;
pub(super) use head::Head;
pub(super) use read::Reader;
pub use write::{RecordId, Writer};

/// The first bytes of each record.
pub(super) const MAGIC: &[u8] = b"WARC/";

#[cfg(test)]
mod tests;
