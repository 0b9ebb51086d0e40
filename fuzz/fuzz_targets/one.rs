//! What the targets of single decoders share: the bytes are made to look like its format, so that all of the time goes
//! into it. What is one already (a seed) is left as it is.

#![allow(dead_code, reason = "each target uses its own part")]

use std::time::Duration;

use ris::decode::{Format, Options, Sniff, decode, sniff};
use ris::source::archive::{Entry, Limits, Visit, read_bytes};

/// Bytes with others written over them, at a place.
pub fn with(bytes: &[u8], at: usize, magic: &[u8]) -> Vec<u8> {
    let mut forced = bytes.to_vec();
    forced.resize(forced.len().max(at + magic.len()), 0);
    forced[at..at + magic.len()].copy_from_slice(magic);
    forced
}

/// A picture of this format or an error, within the limits.
pub fn picture(bytes: &[u8], format: Format) {
    if sniff(bytes) != Sniff::Readable(format) {
        return;
    }
    let options = Options { max_memory: 64 << 20, max_time: Duration::from_secs(2), ..Options::default() };
    if let Ok(picture) = decode(bytes, &options) {
        assert_eq!(picture.luma.len(), (picture.reduced_width * picture.reduced_height) as usize);
        assert!(picture.reduced_width.max(picture.reduced_height) <= options.longest_side);
    }
}

/// Reads all that it is shown.
#[derive(Default)]
struct All {
    held: u64,
}

impl Visit for All {
    fn entry(&mut self, entry: Entry<'_>) -> ris::Result<()> {
        assert!(entry.names.len() <= 2 && entry.names.iter().all(|name| !name.is_empty() && !name.contains(&0)));
        let _ = std::io::copy(entry.content, &mut std::io::sink());
        Ok(())
    }

    fn left_out(&mut self, entry: Entry<'_>, _reason: &'static str) -> ris::Result<()> {
        let _ = entry.content.read(&mut [0]);
        Ok(())
    }

    fn hold(&mut self, bytes: u64) -> ris::Result<bool> {
        let fits = self.held + bytes <= 32 << 20;
        self.held += if fits { bytes } else { 0 };
        Ok(fits)
    }

    fn release(&mut self, bytes: u64) {
        self.held -= bytes;
    }

    fn begins_as_a_picture(&self, start: &[u8]) -> bool {
        !start.is_empty()
    }

    fn claims_to_matter(&self, _name: &[u8]) -> bool {
        true
    }
}

/// Entries and an account of them, within the limits.
pub fn archive(bytes: &[u8]) {
    let limits = Limits { entries: 1000, always: 8 << 20, ..Limits::default() };
    let mut all = All::default();
    let account = read_bytes(bytes, &limits, &mut all).expect("the visitor never refuses");
    let _ = account.trouble();
    assert!(account.entries <= limits.entries && all.held == 0);
}

/// CRC-32 of ISO 3309.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
