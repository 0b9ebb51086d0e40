//! Whatever stands in one of an index's files: an answer or an error.
//!
//! The first byte says which file of a small real index is replaced by the rest.

#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ris::index::{self, Reader, Writer};
use ris::{decode, ingest, progress, search};
use tempfile::TempDir;

struct Real {
    folder: TempDir,
    /// Each file and what it holds.
    files: Vec<(PathBuf, Vec<u8>)>,
    query: search::Query,
}

static REAL: LazyLock<Real> = LazyLock::new(|| {
    let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/library/garden");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut writer = Writer::open(folder.path(), index::Options::default()).expect("an index");
    ingest::run(&mut writer, &[photos.clone()], &ingest::Options::default(), &progress::Silent).expect("indexed");
    writer.finish().expect("committed");
    let query = fs::read(photos.join("pond.jpg")).expect("a fixture");
    let query = search::Query::of(query, &decode::Options::default()).expect("a picture");
    let mut files = Vec::new();
    for below in ["", "documents", "features"] {
        for entry in fs::read_dir(folder.path().join(below)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                files.push((path.clone(), fs::read(&path).expect("a file")));
            }
        }
    }
    files.sort();
    Real { folder, files, query }
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, content)) = bytes.split_first() else { return };
    let Some((path, whole)) = REAL.files.get(usize::from(which) % REAL.files.len()) else { return };
    fs::write(path, content).expect("replaced");
    if let Ok(reader) = Reader::open(REAL.folder.path()) {
        let _ = search::search(&reader, &REAL.query, &search::Options::default());
        let _ = reader.totals();
    }
    fs::write(path, whole).expect("restored");
});
