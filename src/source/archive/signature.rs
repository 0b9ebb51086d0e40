//! Which container bytes are of, told by their start.

/// A kind of container or of compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signature {
    /// Zip: entries behind each other, a directory at the end.
    Zip,
    /// Tar: headers of 512 bytes, each before its entry.
    Tar,
    /// Gzip, of something.
    Gzip,
}

/// Tells what bytes hold by their first 512; `None`: no container that is known.
pub fn signature(start: &[u8]) -> Option<Signature> {
    Some(match start {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Signature::Zip,
        // Written in parts and joined to one.
        [b'P', b'K', b'0', b'0', b'P', b'K', 3, 4, ..] | [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..] => Signature::Zip,
        [0x1F, 0x8B, 8, ..] => Signature::Gzip,
        _ if start.first_chunk().is_some_and(super::tar::is_header) => Signature::Tar,
        _ => return None,
    })
}
