//! Which container bytes are of, told by their start.

use super::super::warc;

/// A kind of container or of compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signature {
    /// Zip: entries behind each other, a directory at the end.
    Zip,
    /// Tar: headers of 512 bytes, each before its entry.
    Tar,
    /// WARC: records of what a crawler got.
    Warc,
    /// Gzip, of something.
    Gzip,
    /// Zstandard, of something.
    Zstd,
    /// Xz, of something.
    Xz,
}

/// Tells what bytes hold by their first 512; `None`: no container that is known.
pub fn signature(start: &[u8]) -> Option<Signature> {
    Some(match start {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Signature::Zip,
        // Written in parts and joined to one.
        [b'P', b'K', b'0', b'0', b'P', b'K', 3, 4, ..] | [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..] => Signature::Zip,
        [0x1F, 0x8B, 8, ..] => Signature::Gzip,
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Signature::Zstd,
        // A frame of it that is to be passed over.
        [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Signature::Zstd,
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Signature::Xz,
        _ if start.starts_with(warc::MAGIC) => Signature::Warc,
        _ if start.first_chunk().is_some_and(super::tar::is_header) => Signature::Tar,
        _ => return None,
    })
}
