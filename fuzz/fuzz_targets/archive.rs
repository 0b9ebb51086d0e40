//! Whatever the bytes: entries and an account of them, within the limits.

#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use ris::source::archive::{Entry, Limits, Visit, read_bytes};

/// Reads all that it is shown.
#[derive(Default)]
struct All {
    held: u64,
    bytes: u64,
}

impl Visit for All {
    fn entry(&mut self, entry: Entry<'_>) -> ris::Result<()> {
        assert!(entry.names.len() <= 2 && entry.names.iter().all(|name| !name.is_empty() && !name.contains(&0)));
        self.bytes += std::io::copy(entry.content, &mut std::io::sink()).unwrap_or_default();
        Ok(())
    }

    fn left_out(&mut self, mut entry: Entry<'_>, _reason: &'static str) -> ris::Result<()> {
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

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { entries: 1000, always: 8 << 20, ..Limits::default() };
    let mut all = All::default();
    let account = read_bytes(bytes, &limits, &mut all).expect("the visitor never refuses");
    let _ = account.trouble();
    assert!(account.entries <= limits.entries && all.held == 0);
});
