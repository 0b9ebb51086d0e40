//! Whatever records hold: read without a panic; and what the writer wrote of it is found again.
//!
//! The bytes stand once behind the start of a record, and once as the head and the body of an answer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ris::source::archive::{Entry, Limits, Visit, read_bytes};
use ris::source::warc::Writer;

/// Keeps what it is shown.
#[derive(Default)]
struct Bodies(Vec<Vec<u8>>);

impl Visit for Bodies {
    fn entry(&mut self, entry: Entry<'_>) -> ris::Result<()> {
        let mut body = Vec::new();
        let _ = entry.content.read_to_end(&mut body);
        self.0.push(body);
        Ok(())
    }

    fn left_out(&mut self, _entry: Entry<'_>, _reason: &'static str) -> ris::Result<()> {
        Ok(())
    }

    fn hold(&mut self, bytes: u64) -> ris::Result<bool> {
        Ok(bytes <= 32 << 20)
    }

    fn release(&mut self, _bytes: u64) {}

    fn begins_as_a_picture(&self, _start: &[u8]) -> bool {
        true
    }

    fn claims_to_matter(&self, _name: &[u8]) -> bool {
        true
    }
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { always: 8 << 20, ..Limits::default() };
    let record = [b"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: a\r\n".as_slice(), bytes].concat();
    read_bytes(&record, &limits, &mut Bodies::default()).expect("the visitor never refuses");

    let mut writer = Writer::packed(Vec::new());
    let half = bytes.len() / 2;
    writer.response("http://a/", 0, bytes.get(..half).unwrap_or_default(), bytes, None).expect("written");
    writer.response("http://b/", 0, b"HTTP/1.1 200 OK\r\n\r\n", bytes, None).expect("written");
    let mut bodies = Bodies::default();
    let account = read_bytes(&writer.finish().expect("finished"), &limits, &mut bodies).expect("read");
    assert_eq!((account.trouble(), bodies.0.last().map(Vec::as_slice)), (None, Some(bytes)));
});
