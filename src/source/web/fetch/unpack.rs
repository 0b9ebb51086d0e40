//! Packed bytes unpacked up to a limit: 10 MB of zeros fit in 10 KB of gzip.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::source::web::{Reason, Refusal};

/// What was unpacked.
pub(in crate::source::web) struct Unpacked {
    /// The first bytes, as many as were wanted.
    pub bytes: Vec<u8>,
    /// Whether there were more.
    pub more: bool,
    /// Whether it breaks off.
    pub broken: bool,
}

/// Unpacks at most `limit` bytes of a Content-Encoding of HTTP. Where `bytes` end too early, all that is there is given.
///
/// # Errors
/// `Encoding` where it is not gzip or deflate, or damaged.
pub(in crate::source::web) fn unpack(bytes: &[u8], encoding: &str, limit: u64) -> Result<Unpacked, Refusal> {
    match encoding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => up_to(MultiGzDecoder::new(bytes), limit),
        // By the standard it is zlib's format; some servers leave its two bytes in front out.
        "deflate" if bytes.first().is_some_and(|first| first & 0x0f == 8) => up_to(ZlibDecoder::new(bytes), limit),
        "deflate" => up_to(DeflateDecoder::new(bytes), limit),
        other => {
            let other: String = other.chars().take(30).collect();
            Err(Refusal::new(Reason::Encoding, format!("packed as {other}, which was not asked for")))
        }
    }
}

fn up_to(reader: impl Read, limit: u64) -> Result<Unpacked, Refusal> {
    let mut bytes = Vec::new();
    let mut reader = reader.take(limit.saturating_add(1));
    let broken = match reader.read_to_end(&mut bytes) {
        Ok(_) => false,
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && !bytes.is_empty() => true,
        Err(_) => return Err(Refusal::new(Reason::Encoding, "the packed body is damaged")),
    };
    let more = bytes.len() as u64 > limit;
    bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Unpacked { bytes, more, broken })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn packed(encoding: &str, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match encoding {
            "gzip" => GzEncoder::new(&mut out, Compression::best()).write_all(bytes).unwrap(),
            "zlib" => ZlibEncoder::new(&mut out, Compression::best()).write_all(bytes).unwrap(),
            _ => DeflateEncoder::new(&mut out, Compression::best()).write_all(bytes).unwrap(),
        }
        out
    }

    #[test]
    fn every_encoding_gives_back_what_went_in() {
        for (format, encoding) in [("gzip", "gzip"), ("gzip", "X-GZIP"), ("zlib", "deflate"), ("raw", "deflate")] {
            let unpacked = unpack(&packed(format, b"a page of text"), encoding, 100).unwrap();
            assert_eq!((unpacked.bytes.as_slice(), unpacked.more), (&b"a page of text"[..], false), "{format}");
        }
        let two = [packed("gzip", b"one "), packed("gzip", b"two")].concat();
        assert_eq!(unpack(&two, "gzip", 100).unwrap().bytes, b"one two");
    }

    #[test]
    fn a_bomb_gives_no_more_than_the_limit() {
        let bomb = packed("gzip", &vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        let unpacked = unpack(&bomb, "gzip", 1_000).unwrap();
        assert!(unpacked.more && unpacked.bytes.len() == 1_000 && unpacked.bytes.capacity() < 10_000);
        let exact = unpack(&packed("gzip", &[7; 1_000]), "gzip", 1_000).unwrap();
        assert!(!exact.more && exact.bytes.len() == 1_000);
    }

    #[test]
    fn what_breaks_off_is_used_and_what_is_damaged_is_refused() {
        let whole = packed("gzip", "a page, ".repeat(1_000).as_bytes());
        let half = unpack(&whole[..whole.len() - 9], "gzip", 100_000).unwrap();
        assert!(half.bytes.starts_with(b"a page, a page"));
        for (bytes, encoding) in
            [(&b"plain text"[..], "gzip"), (&whole[..5], "gzip"), (b"x", "br"), (b"x", "gzip, gzip")]
        {
            assert_eq!(unpack(bytes, encoding, 100).err().unwrap().reason(), Reason::Encoding, "{encoding}");
        }
    }
}
