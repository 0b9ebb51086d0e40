//! Whatever a process says that has read a query: nothing, or what a search can be made with.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ris::index::{self, Reader, Writer};
use ris::locator::{Locator, Stamp};
use ris::search::{self, Options, Query, Side};
use ris::{decode, ingest, progress};

/// An index of a few pictures, and one of them.
static REAL: LazyLock<(tempfile::TempDir, Reader, Side)> = LazyLock::new(|| {
    let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/library/garden");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut writer = Writer::open(folder.path(), index::Options::default()).expect("an index");
    ingest::run(&mut writer, &[photos.clone()], &ingest::Options::default(), &progress::Silent).expect("indexed");
    let reader = writer.finish().expect("committed");
    let bytes = std::fs::read(photos.join("pond.jpg")).expect("a fixture");
    let side = Side::of(bytes, &decode::Options::default()).expect("a picture");
    (folder, reader, side)
});

fuzz_target!(|bytes: &[u8]| {
    let (_, reader, side) = &*REAL;
    let options = Options::default();
    if let Some(query) = Query::from_bytes(bytes) {
        search::search(reader, &query, &options).expect("the index is whole");
    }
    if let Some(other) = Side::from_bytes(bytes) {
        let place = (Locator::from(Path::new("other")), Stamp { bytes: other.bytes(), modified_ns: 0 });
        search::compare(side, &other, place, &options).expect("nothing is read");
    }
});
